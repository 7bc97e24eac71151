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

MOST_INHERITED = 4
"""A parent with more than this many times `rounds` is not continued, to limit the number of
trees."""


@dataclass(frozen=True)
class Start:
    """The booster to continue from, with its record; without a warm start both are None.

    `why_not` is then the reason.
    """

    parent: Parent | None = None
    booster: Any = None
    why_not: str = ""


def start_from(
    spec: ModelSpec,
    lake: Lake,
    version: Version | None,
    columns: Columns,
    classes: tuple[str, ...],
) -> Start:
    """Continue from this version, if its trees use exactly the columns that new ones would use."""
    if version is None:
        return Start(why_not="there is no champion yet")
    try:
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
    except BadArtefact as error:
        return Start(why_not=f"{version.version} cannot be read: {error}")
    differs = _difference(spec, model, columns, classes)
    if differs:
        return Start(why_not=f"{differs} of {version.version}")
    card = model.card
    parent = Parent(version=version.version, trees_sha256=card.trees_sha256, rounds=card.rounds)
    return Start(parent, model.booster)


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
        return f"features ({', '.join(changed) or 'their order'}) are not those"
    if card.extraction != columns.extraction:
        return "extracted columns are fitted anew and are not those"
    if card.classes != classes:
        return "classes are not those"
    if card.recipe["imbalance"] != spec.recipe()["imbalance"]:
        return "`imbalance` is not that"
    if card.rounds > MOST_INHERITED * spec.rounds:
        return f"the {card.rounds} rounds are too many to go on from, those"
    return ""
