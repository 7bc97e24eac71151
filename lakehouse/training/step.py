"""The training step: check whether a new version is due, train it, evaluate it, decide on
promotion.

All expensive work happens before the last commit, which adds the version, its verdicts and its
promotion at once. A process that dies earlier leaves at most finished trials, which the next search
reuses, and unreferenced files.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from lakehouse.evaluation.document import Evaluation
from lakehouse.lake import Author, Lake
from lakehouse.models import artefact
from lakehouse.models.columns import fit_columns
from lakehouse.models.readiness import check_readiness
from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import Split
from lakehouse.models.upkeep import refresh_old_features
from lakehouse.registry import GateResult, Version
from lakehouse.registry.gates import read_gates, write_gates
from lakehouse.registry.promotion import find_champion, move_in, promote_in
from lakehouse.registry.requests import open_request, record_answer
from lakehouse.registry.versions import find_versions, lake_time, register
from lakehouse.training.choosing.choice import choose
from lakehouse.training.fitting.assembly import FittedModel, fit_model
from lakehouse.training.fitting.warm_start import WarmStart, find_warm_start
from lakehouse.training.identity import config_hash, describe_current, is_same, why_due
from lakehouse.training.judging.assessment import check_gates
from lakehouse.training.judging.decision import Decision, decide
from lakehouse.training.judging.proof import PredictedRows, evaluate_version
from lakehouse.training.sets.dataset import TrainingSet, pinned_set, plan, training_set
from lakehouse.training.sets.outcomes import refuse_unusable
from lakehouse.training.sets.rows import load_rows
from lakehouse.training.sets.training_data import load_training_data

ACTOR = "training"


@dataclass(frozen=True)
class TrainReport:
    """The outcome of a call of `train`.

    `version` is the newest version, `trained` is true if this call made it, and `why` gives the
    reason. `champion` is the name of the version that decides from now on, if any. `decision` is
    the promotion decision in words, empty if there was none to make. `notes` of a new version list
    what was declared but could not be done, and anything unusual about the rows.
    """

    version: Version
    trained: bool
    why: str
    gates: tuple[GateResult, ...]
    champion: str | None
    decision: str
    notes: tuple[str, ...] = ()


def train(
    spec: ModelSpec,
    lake: Lake,
    *,
    split: Split | None = None,
    force: bool = False,
    run_id: str = "",
    now: datetime | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> TrainReport:
    """Bring the model up to date: if a new version is due, train, evaluate and perhaps promote it.

    `split` replaces the planned periods; `force` trains even if nothing is due. The same training
    set, configuration and code never make a second version. `on_progress` is called with a line
    about every trial.

    Raises:
        NotEnoughData: when the settled history is too short.
        Collapsed: when the model is hardly better than chance; the champion stays.
        TrainingError, NoSuchTable: when an input does not match the spec.
    """
    at = lake_time(now)
    with lake.reader() as reader:
        planned = plan(reader, spec, split)
        versions = find_versions(reader, spec.name)
        newest = versions[0] if versions else None
        request = open_request(reader, spec.name, newest.created_at if newest else None)
    why = why_due(spec, planned, newest, exact=split is not None, request=request)
    if not why and newest and artefact.artefact_problem(lake.settings.models_dir, newest):
        why = f"files of {newest.version} are missing or have changed"
    if force and newest:
        why = "forced"
    if not why:
        assert newest is not None
        why_not = describe_current(spec, planned, newest)
        return _review(spec, lake, newest, why_not, run_id, now)
    pinned = training_set(spec, lake, split=split, run_id=run_id, now=now)
    for version in versions:
        if is_same(spec, pinned, version) and not artefact.artefact_problem(
            lake.settings.models_dir, version
        ):
            return _review(spec, lake, version, f"the same as {version.version}", run_id, now)
    refuse_unusable(spec, lake)
    fitted = _fit(spec, lake, pinned, run_id, on_progress)
    refresh_old_features(lake, (v for v in versions if v.state == "champion"), run_id=run_id)
    evaluation = _evaluate(spec, lake, pinned, fitted, versions)
    number = newest.number + 1 if newest else 1
    version = _write(spec, lake, pinned, fitted, evaluation, number, run_id, at)
    gates = check_gates(spec, evaluation)
    decision = _decide(spec, lake, version, evaluation, gates, now)
    author = Author(f"models.{spec.name}", run_id, f"register {version.version}: {why}")
    with lake.writer(author) as writer:
        pinned_set(writer, spec.name, pinned.id)  # maintenance may have dropped it since
        register(writer, version, ACTOR, why)
        if request is not None:
            record_answer(writer, request)
        decision = _settle(writer, spec, version, gates, decision, at)
    report = _report(spec, lake, version, why, True, gates, decision.why)
    return TrainReport(**{**vars(report), "notes": fitted.model.card.notes + evaluation.notes})


def report_champion(spec: ModelSpec, lake: Lake, why: str) -> TrainReport | None:
    """Report the champion that stays after training failed because of `why`; None without one."""
    with lake.reader() as cursor:
        champion = find_champion(cursor, spec.name)
        if champion is None:
            return None
        gates = tuple(read_gates(cursor, spec.name, champion.version))
    return TrainReport(champion, False, why, gates, champion.version, "")


def _fit(
    spec: ModelSpec,
    lake: Lake,
    pinned: TrainingSet,
    run_id: str,
    on_progress: Callable[[str], None],
) -> FittedModel:
    """Choose and fit on the pinned set; only trials are written."""
    data = load_training_data(spec, lake, pinned)
    choice = choose(spec, lake, data, run_id=run_id, on_progress=on_progress)
    start = WarmStart()
    if spec.warm_start:
        columns = fit_columns(spec, data.schema, data.train.matrix, choice.kept)
        with lake.reader() as cursor:
            champion = find_champion(cursor, spec.name)
        start = find_warm_start(spec, lake, champion, columns, data.classes)
    return fit_model(spec, data, choice, start, lake.settings.cores)


def _evaluate(
    spec: ModelSpec,
    lake: Lake,
    pinned: TrainingSet,
    fitted: FittedModel,
    versions: Sequence[Version],
) -> Evaluation:
    card = fitted.model.card
    with lake.reader() as cursor:
        test = load_rows(cursor, spec, pinned, card.features, card.classes, "test")
    found = fitted.out_of_fold
    predicted = (
        PredictedRows(found.rows, fitted.model.break_ties(found.prediction)) if found else None
    )
    return evaluate_version(
        spec, lake, pinned, fitted.model, {**fitted.rows, "test": test}, predicted, versions
    )


def _write(
    spec: ModelSpec,
    lake: Lake,
    pinned: TrainingSet,
    fitted: FittedModel,
    evaluation: Evaluation,
    number: int,
    run_id: str,
    at: datetime,
) -> Version:
    """Write the artefact, named after its card; returns the version, not yet registered."""
    card = fitted.model.card
    files = fitted.files | {artefact.EVALUATION: evaluation.to_json().encode()}
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
        snapshot=pinned.snapshot,
        training_set_id=pinned.id,
        training_set_hash=pinned.hash,
        split=card.split,
        code_version=card.code_version,
        code_hash=card.code_hash,
        config_hash=config_hash(spec),
        feature_schema_hash=pinned.schema.hash,
        params=card.params,
        metrics=evaluation.metrics,
        artefact=folder,
        files=digests,
    )


def _review(
    spec: ModelSpec, lake: Lake, version: Version, why: str, run_id: str, now: datetime | None
) -> TrainReport:
    """Apply the current gates to an existing version; writes only if a verdict changed."""
    evaluation = artefact.load_evaluation(lake.settings.models_dir, version)
    gates = check_gates(spec, evaluation)
    with lake.reader() as cursor:
        recorded = read_gates(cursor, spec.name, version.version)
    decision = Decision("candidate", "")
    if sorted(recorded, key=str) != sorted(gates, key=str):
        if version.state == "candidate":
            decision = _decide(spec, lake, version, evaluation, gates, now)
        author = Author(f"models.{spec.name}", run_id, f"apply changed gates to {version.version}")
        with lake.writer(author) as writer:
            decision = _settle(writer, spec, version, gates, decision, lake_time(now))
    return _report(spec, lake, version, why, False, gates, decision.why)


def _decide(
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    evaluation: Evaluation,
    gates: tuple[GateResult, ...],
    now: datetime | None,
) -> Decision:
    """The declared rule's decision; a version that cannot score real rows stays a candidate."""
    decision = decide(spec, lake, version, evaluation, gates)
    if decision.state == "champion":
        problem = check_readiness(spec, lake, version, now=now).problem
        if problem:
            return Decision("candidate", f"not promoted: it cannot score: {problem}")
    return decision


def _settle(
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: Version,
    gates: tuple[GateResult, ...],
    decision: Decision,
    at: datetime,
) -> Decision:
    """Write the verdicts and apply the decision, unless the champion has changed since."""
    write_gates(writer, spec.name, version.version, gates, at)
    about = (writer, spec.name, version.version)
    champion = find_champion(writer, spec.name)
    if decision.state == "champion" and (champion and champion.version) != decision.champion:
        conflict = f"not promoted: {champion.version if champion else 'none'} is champion by now"
        return Decision("candidate", f"{conflict}; {decision.why}", decision.evidence)
    if decision.state == "champion":
        promote_in(*about, ACTOR, decision.why, decision.evidence, at)
    elif decision.state == "shadow":
        move_in(*about, "shadow", ACTOR, decision.why, decision.evidence, at)
    return decision


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
