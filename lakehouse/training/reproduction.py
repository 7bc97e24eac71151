"""Reproduce a registered version from its pinned training set and its model card."""

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse.lake import Lake, code_version
from lakehouse.models import artefact
from lakehouse.models.columns import Columns
from lakehouse.models.errors import TrainingError
from lakehouse.models.model import ModelCard
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Version, list_versions
from lakehouse.training.choosing.choice import Choice
from lakehouse.training.fitting.assembly import fit_model
from lakehouse.training.fitting.boosting import library_versions
from lakehouse.training.fitting.warm_start import WarmStart, find_warm_start
from lakehouse.training.identity import code_hash
from lakehouse.training.sets.dataset import TrainingSet, pinned_set, read_rows
from lakehouse.training.sets.row_hash import content_hash
from lakehouse.training.sets.training_data import load_training_data


class NotReproducible(TrainingError):
    """An input of a version is no longer complete; the message names what is missing."""


@dataclass(frozen=True)
class Reproduction:
    """The outcome of reproducing a version.

    `files` maps each name to two SHA-256: as registered, and as reproduced.
    """

    same: bool
    files: Mapping[str, tuple[str, str]]
    why: str


def reproduce(
    spec: ModelSpec, lake: Lake, version: Version, *, force: bool = False
) -> Reproduction:
    """Train again on the pinned rows with the recorded recipe, choice and parent; compare bytes.

    No search or selection runs, and nothing is written. `force` tries even if the code or the
    libraries differ from the recorded ones.

    Raises:
        NotReproducible: when code or libraries differ (unless forced), or when the rows or the
            parent have changed.
        BadArtefact, TrainingError: when the artefact or the training set no longer exists.
    """
    model = artefact.load_model(lake.settings.models_dir, version.artefact, version.files)
    card = model.card
    differs = _differences(card)
    if differs and not force:
        raise NotReproducible(
            f"{version.model} {version.version} cannot be reproduced here: {'; '.join(differs)}. "
            "Install the recorded versions, or force it to see what differs"
        )
    recorded = spec.model_validate({**spec.model_dump(by_alias=True), **card.recipe})
    pinned = _load_pinned_set(recorded, lake, version)
    data = load_training_data(recorded, lake, pinned)
    threads = int(card.params["num_threads"])
    start = _recorded_start(recorded, lake, card, model.columns, data.classes)
    fitted = fit_model(recorded, data, Choice.of(card), start, threads)
    files = {
        name: (version.files[name], artefact.sha256(content))
        for name, content in fitted.files.items()
    }
    changed = [name for name, (before, now) in files.items() if before != now]
    why = "the same bytes" if not changed else f"{' and '.join(changed)} differ"
    return Reproduction(not changed, files, "; ".join([why, *differs]))


def _differences(card: ModelCard) -> list[str]:
    """Describe how the current code and libraries differ from the recorded ones."""
    now = library_versions()
    differs = [
        f"{name} was {recorded}, here it is {now.get(name, 'missing')}"
        for name, recorded in card.libraries.items()
        if now.get(name) != recorded
    ]
    if card.code_version != code_version():
        differs.append(f"the code was version {card.code_version}, here it is {code_version()}")
    if card.code_hash != code_hash():
        differs.append(
            f"the training code was {card.code_hash[:12]}, here it is {code_hash()[:12]}"
        )
    return differs


def _load_pinned_set(spec: ModelSpec, lake: Lake, version: Version) -> TrainingSet:
    """The version's training set, if its rows still have the recorded hash."""
    with lake.reader() as cursor:
        pinned = pinned_set(cursor, spec.name, version.training_set_id)
        batches = read_rows(cursor, spec, pinned)
        digest, rows = content_hash(batches, batches.schema)
    if digest != version.training_set_hash:
        raise NotReproducible(
            f"{version.model} {version.version} cannot be reproduced: its training set "
            f"{pinned.id} had {pinned.rows} rows, now there are {rows}, and their hash differs; "
            "an erasure deletes rows permanently (its receipt names the version)"
        )
    return pinned


def _recorded_start(
    spec: ModelSpec, lake: Lake, card: ModelCard, columns: Columns, classes: tuple[str, ...]
) -> WarmStart:
    """The recorded start. Raises `NotReproducible` if the parent has changed."""
    if card.parent is None:
        prefix = "no warm start: "
        why = next(
            (note.removeprefix(prefix) for note in card.notes if note.startswith(prefix)), ""
        )
        return WarmStart(why_not=why)
    versions = {version.version: version for version in list_versions(lake, spec.name)}
    start = find_warm_start(spec, lake, versions.get(card.parent.version), columns, classes)
    if start.parent != card.parent:
        raise NotReproducible(
            f"{spec.name}: the warm start from the trees of {card.parent.version} cannot be "
            f"repeated: {start.why_not or 'their hash differs'}"
        )
    return start
