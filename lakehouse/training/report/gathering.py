"""Read everything for a version's report, once, in one transaction of the lake."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.document import Evaluation
from lakehouse.lake import Lake, qualified, quote
from lakehouse.models.artefact import EVALUATION, load_evaluation, load_model
from lakehouse.models.model import Model
from lakehouse.models.spec import ModelSpec
from lakehouse.models.tasks import LabelSummary
from lakehouse.registry import GateResult, Transition, Version
from lakehouse.registry.gates import read_gates
from lakehouse.registry.versions import find_transitions, find_versions, pick
from lakehouse.training.choosing.trials import Trial, read_trials
from lakehouse.training.sets.dataset import TrainingSet, pinned_set
from lakehouse.training.sets.rows import Rows, load_rows

PERIODS = ("train", "validation", "test")


@dataclass(frozen=True)
class PeriodSummary:
    """A summary of one period of the training set; `missing` maps features to shares."""

    period: str
    since: datetime
    until: datetime
    labels: LabelSummary
    missing: Mapping[str, float]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.labels.rows


@dataclass(frozen=True, eq=False)
class ReportData:
    """A version with everything known about it; `prediction` is its prediction for the test rows,
    also `uncalibrated`.

    If the version was never evaluated, `is_evaluated` is false and `evaluation` holds only metrics.
    `versions` are all of the model's, `transitions` those of this version, both oldest first.
    `rows_by_day` counts the rows of all periods of the pinned set.
    """

    spec: ModelSpec
    version: Version
    model: Model
    evaluation: Evaluation
    is_evaluated: bool
    pinned: TrainingSet
    gates: tuple[GateResult, ...]
    transitions: tuple[Transition, ...]
    versions: tuple[Version, ...]
    periods: tuple[PeriodSummary, ...]
    rows_by_day: Mapping[date, int]
    trials: tuple[Trial, ...]
    rows: Rows
    prediction: npt.NDArray[np.float64]
    uncalibrated: npt.NDArray[np.float64]

    @property
    def expires(self) -> datetime:
        """When the version should no longer be used without a new review; naive UTC."""
        return self.version.created_at + timedelta(days=self.spec.model_card.expires_after_days)

    @property
    def unit(self) -> str:
        """The unit of forecasts, if the declaration has one: the summed column."""
        return getattr(self.spec.label, "value", "").replace("_", " ")


def gather(spec: ModelSpec, lake: Lake, version: Version) -> ReportData:
    """Read everything about `version`, including its current state.

    Raises:
        BadArtefact, TrainingError: when the artefact or the training set no longer exists.
        RegistryError: when the version does not exist.
    """
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    study = model.card.study
    trials = read_trials(lake, spec.name, study.id) if study else []
    with lake.reader() as cursor:
        pinned = pinned_set(cursor, spec.name, version.training_set_id)
        rows = load_rows(cursor, spec, pinned, model.card.features, model.card.classes, "test")
        transitions = find_transitions(cursor, spec.name)[::-1]
        versions = find_versions(cursor, spec.name)[::-1]
        uncalibrated = model.uncalibrated(rows.matrix)
        return ReportData(
            spec=spec,
            version=pick(versions, spec.name, version.version),
            model=model,
            evaluation=load_evaluation(lake.settings.models_dir, version),
            is_evaluated=EVALUATION in version.files,
            pinned=pinned,
            gates=read_gates(cursor, spec.name, version.version),
            transitions=tuple(t for t in transitions if t.version == version.version),
            versions=tuple(versions),
            periods=_periods(cursor, spec, pinned),
            rows_by_day=_rows_by_day(cursor, spec, pinned),
            trials=tuple(trials),
            rows=rows,
            prediction=model.calibrate(uncalibrated),
            uncalibrated=uncalibrated,
        )


def _periods(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, pinned: TrainingSet
) -> tuple[PeriodSummary, ...]:
    names = pinned.schema.names
    known = ", ".join(f"count({quote(name)})" for name in names)
    where = f"FROM {qualified(spec.training_table)} WHERE training_set_id = ?"
    found = cursor.execute(
        f"SELECT split, count(*), {spec.task.label_figures}, {known} {where} GROUP BY split",
        [pinned.id],
    ).fetchall()
    classes: dict[str, dict[str, int]] = {}
    if spec.task.has_classes:
        query = f"SELECT split, label, count(*) {where} GROUP BY ALL ORDER BY ALL"
        for period, name, count in cursor.execute(query, [pinned.id]).fetchall():
            classes.setdefault(period, {})[name] = count
    bounds = pinned.split.as_json()
    by_period = {row[0]: row[1:] for row in found}
    return tuple(
        PeriodSummary(
            period=period,
            since=datetime.fromisoformat(bounds[f"{period}_from"]),
            until=datetime.fromisoformat(bounds[f"{period}_until"]),
            labels=LabelSummary(rows, positives, mean, classes.get(period, {})),
            missing={name: 1 - n / rows for name, n in zip(names, counts, strict=True) if n < rows},
        )
        for period in PERIODS
        if period in by_period
        for rows, positives, mean, *counts in [by_period[period]]
    )


def _rows_by_day(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, pinned: TrainingSet
) -> dict[date, int]:
    found = cursor.execute(
        f"SELECT CAST(event_time AS DATE), count(*) FROM {qualified(spec.training_table)} "
        "WHERE training_set_id = ? GROUP BY ALL",
        [pinned.id],
    ).fetchall()
    return dict(found)
