"""Warm start: continue from the champion's trees, or give the reason why that is impossible."""

from dataclasses import dataclass
from typing import Any

from lakehouse.lake import Lake
from lakehouse.models.artefact import load_model
from lakehouse.models.columns import Columns
from lakehouse.models.errors import BadArtefact
from lakehouse.models.model import Model, Parent
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Version

MAX_INHERITED = 4
"""A parent with more than this many times `rounds` is not continued, to limit the number of
trees."""


@dataclass(frozen=True)
class WarmStart:
    """The booster to continue from, with its record; without a warm start both are None.

    `why_not` is then the reason.
    """

    parent: Parent | None = None
    booster: Any = None
    why_not: str = ""


def find_warm_start(
    spec: ModelSpec,
    lake: Lake,
    version: Version | None,
    columns: Columns,
    classes: tuple[str, ...],
) -> WarmStart:
    """Continue from this version, if its trees use exactly the columns that new ones would use."""
    if version is None:
        return WarmStart(why_not="there is no champion yet")
    try:
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
    except BadArtefact as error:
        return WarmStart(why_not=f"{version.version} cannot be read: {error}")
    differs = _difference(spec, model, columns, classes)
    if differs:
        return WarmStart(why_not=f"{version.version} {differs}")
    card = model.card
    parent = Parent(version=version.version, trees_sha256=card.trees_sha256, rounds=card.rounds)
    return WarmStart(parent, model.booster)


def _difference(spec: ModelSpec, model: Model, columns: Columns, classes: tuple[str, ...]) -> str:
    card = model.card
    theirs = {
        f.name: (f.kind, card.features.categories.get(f.name)) for f in card.features.features
    }
    schema = columns.schema
    ours = {f.name: (f.kind, schema.categories.get(f.name)) for f in schema.features}
    if card.inputs != columns.used or theirs != ours:
        changed = sorted(
            {*card.inputs} ^ {*columns.used} or {n for n in ours if ours[n] != theirs.get(n)}
        )
        return f"has other features ({', '.join(changed) or 'in another order'})"
    if card.extraction != columns.extraction:
        return "has other extracted columns, because they are fitted anew"
    if card.classes != classes:
        return "has other classes"
    if card.recipe["imbalance"] != spec.recipe()["imbalance"]:
        return "has another `imbalance`"
    if card.rounds > MAX_INHERITED * spec.rounds:
        return f"has {card.rounds} rounds, too many to continue from"
    return ""
