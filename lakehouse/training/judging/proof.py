"""The complete evaluation of a new version before it is registered.

`evaluation` computes the figures; this module supplies rows, groups and rivals. It never changes
the artefact; `assessment.py` applies the gates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lakehouse.evaluation.calibration_error import (
    calibration,
    calibration_slope,
    observed_over_expected,
)
from lakehouse.evaluation.comparisons import compare
from lakehouse.evaluation.document import (
    Against,
    Calibration,
    Comparison,
    Evaluation,
    FairnessResult,
    Interval,
    Probe,
)
from lakehouse.evaluation.fairness import compare_groups
from lakehouse.evaluation.intervals import metric_intervals
from lakehouse.evaluation.metrics import AT_CAPACITY, ordered_metrics
from lakehouse.evaluation.periods import DAY
from lakehouse.evaluation.predictions import Binary, Predictions
from lakehouse.evaluation.probes import lone_feature_probe, overfitting_gap, shuffled_label_probe
from lakehouse.evaluation.resampling import Resampling
from lakehouse.evaluation.review_document import RowCount
from lakehouse.evaluation.segments import segment_metrics, weekly_metrics
from lakehouse.lake import Lake, qualified, quote
from lakehouse.models.errors import BadArtefact, SchemaMismatch
from lakehouse.models.groups import group_values
from lakehouse.models.labels import label_name
from lakehouse.models.model import Model
from lakehouse.models.spec import Group, ModelSpec
from lakehouse.registry import Version
from lakehouse.training.fitting.boosting import Examples, boost, dataset
from lakehouse.training.fitting.fold_examples import weight_rows
from lakehouse.training.fitting.parallel import useful_threads
from lakehouse.training.judging.assessment import (
    Prediction,
    assess,
    predictions,
    predictions_of_units,
    unit_periods,
)
from lakehouse.training.judging.examination import EXAMINED_ROWS, Subject, examine, resample
from lakehouse.training.judging.rivals import Rival, linear_rival, trivial_rival, version_rival
from lakehouse.training.judging.row_notes import data_notes
from lakehouse.training.sets.dataset import TrainingSet
from lakehouse.training.sets.rows import Rows

TRAIN_ROWS = 100_000
"""With more training rows, only the last periods are predicted, to measure the overfitting gap."""

_PROBE_ROWS = 20_000
_PROBE_ROUNDS = 30


@dataclass(frozen=True)
class PredictedRows:
    """Rows and their final predictions."""

    rows: Rows
    prediction: Prediction


def evaluate_version(
    spec: ModelSpec,
    lake: Lake,
    pinned: TrainingSet,
    model: Model,
    rows: Mapping[str, Rows],
    out_of_fold: PredictedRows | None,
    versions: Sequence[Version],
) -> Evaluation:
    """Evaluate `model` on the periods of its pinned training set.

    `rows` are by period ("train", "validation", "test"), with the columns of `model.card.features`.
    `out_of_fold` are the chosen configuration's predictions within the folds, and `versions` all
    registered ones, newest first. Intervals, segments, comparisons and fairness are computed on the
    test period only, because only it is evidence about the future.
    """
    card, test = model.card, rows["test"]
    before = model.uncalibrated(test.matrix)
    final = PredictedRows(test, model.break_ties(model.calibrate(before)))
    predicted = {
        "train": _predict(model, _last_periods(spec, rows["train"], TRAIN_ROWS)),
        "validation": _predict(model, rows["validation"]),
        "out_of_fold": out_of_fold,
        "test": final,
    }
    metrics = {
        period: assess(
            spec, each.rows, each.prediction, card.threshold, card.baseline, card.classes
        )
        for period, each in predicted.items()
        if each is not None and len(each.rows)
    }
    ours = predictions(spec, test, final.prediction, card.threshold, card.baseline)
    resampling = resample(spec, test)
    declared = {**spec.judging.segments, **(spec.fairness.groups if spec.fairness else {})}
    groups = _groups(spec, lake, pinned, declared)
    intervals = _intervals(spec, test, final.prediction, ours, resampling)
    weeks = [
        week
        for each in (out_of_fold, final)
        if each is not None
        for week in weekly_metrics(_predictions(spec, model, each), each.rows.day)
    ]
    rivals = _rivals(spec, lake, pinned, model, rows, final.prediction, versions)
    recent = np.isin(test.day, np.unique(_last_periods(spec, test, EXAMINED_ROWS).day))
    return Evaluation(
        metrics=metrics,
        intervals={name: found for name, found in intervals.items() if found is not None},
        clustered_by=spec.clusters,
        repeats=spec.judging.repeats,
        segments=segment_metrics(
            ours,
            {name: groups[name] for name in spec.judging.segments},
            resampling,
            only=spec.task.segment_metrics,
        ),
        comparisons=tuple(
            compare_with_rival(spec, model, test, final.prediction, rival) for rival in rivals
        ),
        fairness=_fairness(spec, ours, groups, resampling),
        probes=(
            _probe_shuffled_labels(spec, model, rows["train"], test),
            _probe_lone_features(spec, model, test),
        ),
        overfitting_gap=overfitting_gap(
            metrics["train"], metrics["test"], ordered_metrics(spec.task.name)
        ),
        calibration=_calibration(ours, before, intervals["observed_over_expected"])
        if isinstance(ours, Binary)
        else None,
        by_week=tuple(weeks),
        notes=data_notes(card.features.names, rows, card.classes, pinned.counts, label_name(spec)),
        rows=_row_counts(spec, pinned, rows["train"]),
        review=examine(
            spec,
            lake,
            Subject(model, rows["train"], test, final.prediction, recent, pinned, groups),
            next(
                (r for r in rivals if r.against in ("last", "champion") and r.shared is None), None
            ),
        ),
    )


def _calibration(ours: Binary, before: Prediction, total: Interval | None) -> Calibration:
    found = calibration(ours.truth, before, ours.score)
    slope = calibration_slope(ours.truth, ours.score)
    return found.model_copy(update={"observed_over_expected": total, "slope": slope})


def _row_counts(spec: ModelSpec, pinned: TrainingSet, train: Rows) -> tuple[RowCount, ...]:
    """The row counts of each period; in the training period, undersampling leaves some rows out."""
    positions = weight_rows(spec, train.label).positions
    left_out = 0 if positions is None else len(train) - len(positions)
    return tuple(
        RowCount(
            **each.model_dump() | {"undersampled": left_out, "used": each.used - left_out}
            if each.period == "train"
            else each.model_dump()
        )
        for each in pinned.counts
    )


def _predict(model: Model, rows: Rows) -> PredictedRows:
    return PredictedRows(rows, model.break_ties(model.predict(rows.matrix)))


def _predictions(spec: ModelSpec, model: Model, predicted: PredictedRows) -> Predictions:
    card = model.card
    return predictions(spec, predicted.rows, predicted.prediction, card.threshold, card.baseline)


def _thin_rows(rows: Rows, limit: int) -> Rows:
    step = -(-len(rows) // limit)
    return rows if step <= 1 else rows.take(np.arange(0, len(rows), step))


def _last_periods(spec: ModelSpec, rows: Rows, limit: int) -> Rows:
    """The last whole days, or weeks if the capacity is per week."""
    if len(rows) <= limit:
        return rows
    period = (spec.capacity.period if spec.capacity else DAY).of(rows.day)
    first = np.sort(period)[-limit]
    return rows.take(period > min(first, period.max() - 1))


def _intervals(
    spec: ModelSpec, test: Rows, prediction: Prediction, ours: Predictions, resampling: Resampling
) -> dict[str, Interval | None]:
    """Intervals by metric; those at capacity resample units if capacity counts units."""
    found = metric_intervals(ours, resampling)
    if isinstance(ours, Binary):
        found["observed_over_expected"] = observed_over_expected(ours.truth, ours.score, resampling)
    units = unit_periods(spec, test, prediction)
    if units is not None:
        resampled = resample(spec, test.take(units.row))
        found |= metric_intervals(predictions_of_units(spec, units, None), resampled, AT_CAPACITY)
    return found


def _groups(
    spec: ModelSpec, lake: Lake, pinned: TrainingSet, declared: Mapping[str, Group]
) -> dict[str, Any]:
    """The groups of the test rows, by key."""
    if not declared:
        return {}
    columns = ", ".join(map(quote, ["key", *spec.spine.entities, "event_time"]))
    with lake.reader() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE judged AS SELECT {columns} FROM {qualified(spec.training_table)} "
            "WHERE training_set_id = ? AND split = 'test'",
            [pinned.id],
        )
        return group_values(cursor, declared, "judged", key="key", spine_key=spec.spine.key)


def _rivals(
    spec: ModelSpec,
    lake: Lake,
    pinned: TrainingSet,
    model: Model,
    rows: Mapping[str, Rows],
    prediction: Prediction,
    versions: Sequence[Version],
) -> list[Rival]:
    """Predictions of all rivals; registered versions that cannot score the rows are left out."""
    card, test = model.card, rows["test"]
    flagged = 0 if card.threshold is None else (prediction >= card.threshold).sum()
    rivals = [
        trivial_rival(spec, rows["train"], test, len(card.classes)),
        linear_rival(spec, card.features, rows["train"], test, len(card.classes), int(flagged)),
    ]
    before: dict[str, tuple[Version, Against]] = {}
    for version in [*versions[:1], *(v for v in versions if v.state == "champion")]:
        before[version.version] = version, "champion" if version.state == "champion" else "last"
    with lake.reader() as cursor:
        for version, against in before.values():
            try:
                rival = version_rival(cursor, spec, lake, pinned.id, version, against, card.classes)
            except (BadArtefact, SchemaMismatch):
                continue  # `decision.py` gives the reason if it is the champion
            rivals.append(rival)
    return rivals


def compare_with_rival(
    spec: ModelSpec, model: Model, test: Rows, prediction: Prediction, rival: Rival
) -> Comparison:
    """Compare our prediction with a rival's, paired on the test rows that both predict."""
    card = model.card
    if rival.shared is not None:
        test, prediction = test.take(rival.shared), prediction[rival.shared]
    ours, resampling = _comparison_data(spec, test, prediction, card.threshold, card.baseline)
    (compared,) = compare(
        ours,
        _comparison_data(spec, test, rival.prediction, rival.threshold, card.baseline)[0],
        resampling,
        against=rival.against,
        version=rival.version,
        metrics=[spec.primary_metric],
        minimum_positives=spec.shadow.min_positives,
    )
    return compared


def _comparison_data(
    spec: ModelSpec, test: Rows, prediction: Prediction, threshold: float | None, constant: float
) -> tuple[Predictions, Resampling]:
    """The data for the primary metric: rows, or the units of each period."""
    units = unit_periods(spec, test, prediction) if spec.primary_metric in AT_CAPACITY else None
    if units is not None:
        return predictions_of_units(spec, units, None), resample(spec, test.take(units.row))
    predicted = predictions(spec, test, prediction, threshold, constant)
    return predicted, resample(spec, test)


def _fairness(
    spec: ModelSpec, ours: Predictions, groups: Mapping[str, Any], resampling: Resampling
) -> tuple[FairnessResult, ...]:
    if spec.fairness is None or not isinstance(ours, Binary) or ours.flagged is None:
        return ()
    return tuple(
        compare_groups(
            name,
            groups[name],
            ours.truth,
            ours.flagged,
            resampling,
            limit=spec.fairness.limit,
            minimum_positives=spec.fairness.min_positives,
        )
        for name in spec.fairness.groups
    )


def _probe_lone_features(spec: ModelSpec, model: Model, test: Rows) -> Probe:
    task, names = spec.task, model.card.features.names
    classes = task.classes_of(test.label)
    return lone_feature_probe(names, test.matrix, test.label, classes, task.lone_feature_bound)


def _probe_shuffled_labels(spec: ModelSpec, model: Model, train: Rows, test: Rows) -> Probe:
    """Train on shuffled labels of some rows; evaluate on test rows with shuffled labels."""
    random = np.random.default_rng(spec.seed)
    train_sample, test_sample = _thin_rows(train, _PROBE_ROWS), _thin_rows(test, _PROBE_ROWS)
    card, columns = model.card, model.columns
    examples = Examples(columns.matrix(train_sample.matrix), random.permutation(train_sample.label))
    threads = useful_threads(int(card.params["num_threads"]), len(train_sample))
    params = {**card.params, "num_threads": threads}
    data = dataset(examples, columns.categorical, params)
    boosted = boost(spec, params, data, min(card.rounds, _PROBE_ROUNDS))
    shuffled = Rows(**{**vars(test_sample), "label": random.permutation(test_sample.label)})
    prediction = boosted.predict(columns.matrix(test_sample.matrix))
    predicted = predictions(spec, shuffled, prediction, None, card.baseline)
    return shuffled_label_probe(predicted, spec.task.probe_metric, seed=spec.seed)
