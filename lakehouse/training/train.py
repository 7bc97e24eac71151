"""Training as one step: is a new version due, make it, judge it, let it decide or not.

Everything costly happens before the last commit, which adds the version, its verdicts and its
promotion at once: a process that dies earlier leaves at most files that nobody refers to.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.lake import Author, Lake
from lakehouse.lake.lake import code_version
from lakehouse.registry import GateResult, Version
from lakehouse.registry.gates import read_gates, write_gates
from lakehouse.registry.promotion import find_champion, promote_in
from lakehouse.registry.versions import find_versions, lake_time, register
from lakehouse.training import artefact
from lakehouse.training.assess import assess, baseline, choose_threshold, judge
from lakehouse.training.dataset import Plan, TrainingSet, plan, training_set
from lakehouse.training.fit import fit, library_versions
from lakehouse.training.model import ModelCard
from lakehouse.training.promote import Decision, decide
from lakehouse.training.rows import find_categories, find_classes, load_rows
from lakehouse.training.spec import ModelSpec
from lakehouse.training.split import Split

WHO = "training"


@dataclass(frozen=True)
class TrainReport:
    """What a call of `train` came to.

    `version` is the newest one; `trained` says whether this call made it, `why` for which reason
    it did or did not. `champion` is the name of the version that decides from now on, if any, and
    `decision` what was said about promoting, empty when that was not up.
    """

    version: Version
    trained: bool
    why: str
    gates: tuple[GateResult, ...]
    champion: str | None
    decision: str


def train(
    spec: ModelSpec,
    lake: Lake,
    *,
    split: Split | None = None,
    force: bool = False,
    run_id: str = "",
    now: datetime | None = None,
) -> TrainReport:
    """Bring the model up to date: train, evaluate and perhaps promote a new version if one is due.

    `split` replaces the planned periods, `force` trains though nothing is due. The same training
    set, configuration and code never make a second version.

    Raises:
        NotEnoughData: when the settled history is too short.
        TrainingError, NoSuchTable: when an input is not what the spec says.
    """
    at = lake_time(now)
    with lake.reader() as reader:
        reader.execute("BEGIN")
        planned = plan(reader, spec, split)
        versions = find_versions(reader, spec.name)
    newest = versions[0] if versions else None
    why = "forced" if force and newest else due(spec, planned, newest, exact=split is not None)
    if not why:
        assert newest is not None
        return _review(spec, lake, newest, "up to date", run_id, at)
    made = training_set(spec, lake, split=split, run_id=run_id, now=now)
    for version in versions:
        if _identity(version) == (made.hash, config_hash(spec), code_hash(), made.schema.hash):
            return _review(spec, lake, version, f"the same as {version.version}", run_id, at)
    number = newest.number + 1 if newest else 1
    version = _make(spec, lake, made, number, run_id, at)
    gates = judge(spec, version.metrics)
    decision = decide(spec, lake, made.id, version.metrics, gates)
    author = Author(f"models.{spec.name}", run_id, f"register {version.version}: {why}")
    with lake.writer(author) as writer:
        register(writer, version, WHO, why)
        _settle(writer, spec, version, gates, decision, at)
    return _report(spec, lake, version, why, True, gates, decision.why)


def due(spec: ModelSpec, planned: Plan, newest: Version | None, *, exact: bool = False) -> str:
    """Why a new version is due, or nothing. `exact`: any other split than the newest's counts."""
    if newest is None:
        return "first version"
    if newest.config_hash != config_hash(spec):
        return "the configuration changed"
    if newest.feature_schema_hash != planned.schema.hash:
        return "the features changed"
    if newest.code_hash != code_hash():
        return "the training code changed"
    moved = planned.split.test_until - Split.from_json(newest.split).test_until
    if exact and newest.split != planned.split.as_json():
        return "another split was asked for"
    if not exact and moved >= max(spec.retrain.every, timedelta(days=1)):
        return f"labels of {moved.days} more days have settled"
    return ""


def config_hash(spec: ModelSpec) -> str:
    """SHA-256 of the declared fields that a trained artefact depends on."""
    return hashlib.sha256(json.dumps(spec.recipe(), sort_keys=True).encode()).hexdigest()


@cache
def code_hash() -> str:
    """SHA-256 of this package's sources and LightGBM's version."""
    digest = hashlib.sha256(library_version("lightgbm").encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _identity(version: Version) -> tuple[str, str, str, str]:
    return (
        version.training_set_hash,
        version.config_hash,
        version.code_hash,
        version.feature_schema_hash,
    )


def _make(
    spec: ModelSpec, lake: Lake, made: TrainingSet, number: int, run_id: str, at: datetime
) -> Version:
    """Fit and evaluate on the pinned set and write the artefact; nothing is registered yet."""
    with lake.reader() as cursor:
        schema = find_categories(cursor, spec, made)
        classes = find_classes(cursor, spec, made)
        rows = {
            period: load_rows(cursor, spec, made, schema, classes, period)
            for period in ("train", "validation", "test")
        }
    fitted = fit(spec, schema, classes, rows["train"], rows["validation"], lake.settings.cores)
    judged = "validation" if len(rows["validation"].label) else "train"
    predictions = {
        period: fitted.booster.predict(rows[period].matrix)
        for period in (judged, "test")
        if len(rows[period].label)
    }
    threshold = choose_threshold(spec, rows[judged], predictions[judged])
    constant = baseline(spec, rows["train"])
    metrics = {
        period: assess(spec, rows[period], prediction, threshold, constant, classes)
        for period, prediction in predictions.items()
    }
    card = ModelCard(
        model=spec.name,
        task=spec.task,
        features=schema,
        classes=classes,
        threshold=threshold,
        baseline=constant,
        rounds=fitted.rounds,
        params=fitted.params,
        recipe=spec.recipe(),
        training_set_hash=made.hash,
        split=made.split.as_json(),
        metrics=metrics,
        importance=_importance(schema.names, fitted.booster),
        code_version=code_version(),
        code_hash=code_hash(),
        libraries=library_versions(),
        trees_sha256=artefact.sha256(fitted.trees),
    )
    files = {artefact.TREES: fitted.trees, artefact.CARD: artefact.card_bytes(card)}
    digests = {name: artefact.sha256(content) for name, content in files.items()}
    name = f"v{number:04d}-{digests[artefact.CARD][:8]}"
    folder = f"{spec.name}/{name}"
    artefact.write_artefact(lake.settings.models_dir, folder, files)
    return Version(
        model=spec.name,
        version=name,
        number=number,
        state="candidate",
        created_at=at,
        run_id=run_id,
        snapshot=made.snapshot,
        training_set_id=made.id,
        training_set_hash=made.hash,
        split=card.split,
        code_version=card.code_version,
        code_hash=card.code_hash,
        config_hash=config_hash(spec),
        feature_schema_hash=made.schema.hash,
        params=card.params,
        metrics=metrics,
        artefact=folder,
        files=digests,
    )


def _review(
    spec: ModelSpec, lake: Lake, version: Version, why: str, run_id: str, at: datetime
) -> TrainReport:
    """Judge a version that is there by the gates of today; writes only if a verdict changed."""
    gates = judge(spec, version.metrics)
    with lake.reader() as cursor:
        recorded = read_gates(cursor, spec.name, version.version)
    decision = Decision(False, "")
    if sorted(recorded, key=str) != sorted(gates, key=str):
        if version.state == "candidate":
            set_id = version.training_set_id
            decision = decide(spec, lake, set_id, version.metrics, gates)
        author = Author(f"models.{spec.name}", run_id, f"judge {version.version} by other gates")
        with lake.writer(author) as writer:
            _settle(writer, spec, version, gates, decision, at)
    return _report(spec, lake, version, why, False, gates, decision.why)


def _settle(
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: Version,
    gates: tuple[GateResult, ...],
    decision: Decision,
    at: datetime,
) -> None:
    write_gates(writer, spec.name, version.version, gates, at)
    if decision.promote:
        promote_in(writer, spec.name, version.version, WHO, decision.why, decision.evidence, at)


def _report(
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    why: str,
    trained: bool,
    gates: tuple[GateResult, ...],
    decision: str,
) -> TrainReport:
    with lake.reader() as cursor:
        champion = find_champion(cursor, spec.name)
    name = champion.version if champion else None
    return TrainReport(version, trained, why, gates, name, decision)


def _importance(names: list[str], booster: Any) -> dict[str, float]:
    """Total gain of the splits on each feature."""
    gains = booster.feature_importance(importance_type="gain").tolist()
    return dict(zip(names, gains, strict=True))
