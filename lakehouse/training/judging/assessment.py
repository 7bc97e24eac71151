"""From predictions of a period's rows to metrics, and from an evaluation to verdicts of gates."""

import math

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.document import Evaluation, Metrics
from lakehouse.evaluation.evaluate import (
    Period,
    evaluate_binary,
    evaluate_multiclass,
    evaluate_regression,
)
from lakehouse.evaluation.metrics import at_capacity
from lakehouse.evaluation.weighted import Binary, Multiclass, Predictions, Regression
from lakehouse.models.spec import Gate, ModelSpec
from lakehouse.models.threshold import UnitDays, by_unit
from lakehouse.registry import GateResult
from lakehouse.training.sets.rows import Rows

Prediction = npt.NDArray[np.float64]


def baseline(spec: ModelSpec, train: Rows) -> float:
    """What the trivial model knows: the label's mean, or the position of the commonest class."""
    if spec.task == "multiclass":
        return float(np.bincount(train.label.astype(int)).argmax())
    return float(train.label.mean())


UNSEEN_CLASS = "not seen in training"
"""How metrics name the classes that the training period does not have; such rows are errors."""


def assess(
    spec: ModelSpec,
    rows: Rows,
    prediction: Prediction,
    threshold: float | None,
    constant: float,
    classes: tuple[str, ...],
) -> Metrics:
    """The metrics of `prediction` on `rows`; what cannot be told from them is None.

    Where capacity is counted in units (cards), so are the metrics at capacity and alerts a day.
    """
    period = Period(rows.label, rows.day, rows.naive)
    if spec.task == "binary":
        assert threshold is not None
        assert spec.capacity is not None
        alerts = spec.capacity.alerts
        found = evaluate_binary(period, prediction, threshold, alerts, constant)
        units = unit_days(spec, rows, prediction)
        if units is not None:
            days = len(np.unique(rows.day))
            found |= at_capacity(units.day, units.truth, units.score, alerts)
            found["alerts_per_day"] = float((units.score >= threshold).sum() / days)
    elif spec.task == "regression":
        found = evaluate_regression(period, prediction, constant)
    else:
        prediction = with_unseen(prediction, rows)
        classes = (*classes, UNSEEN_CLASS)[: prediction.shape[1]]
        found = evaluate_multiclass(period, prediction, classes, int(constant))
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def predictions(
    spec: ModelSpec, rows: Rows, prediction: Prediction, threshold: float | None, constant: float
) -> Predictions:
    """The same in the form that intervals and comparisons are made of.

    Metrics at capacity are left out where they count units: `unit_days` has other rows.
    """
    if spec.task == "regression":
        naive = rows.naive or {"naive_constant": np.full(len(rows), constant)}
        return Regression(rows.label, prediction, naive)
    if spec.task == "multiclass":
        return Multiclass(rows.label.astype(int), with_unseen(prediction, rows), int(constant))
    assert spec.capacity is not None
    by_row = not spec.capacity.unit
    return Binary(
        truth=rows.label > 0,
        score=prediction,
        threshold=threshold,
        day=rows.day if by_row else None,
        alerts=spec.capacity.alerts if by_row else None,
    )


def with_unseen(probability: Prediction, rows: Rows) -> Prediction:
    """`probability` (rows, classes), with a column of zeros if a row's class is not among them."""
    if not len(rows) or rows.label.max() < probability.shape[1]:
        return probability
    return np.column_stack([probability, np.zeros(len(rows))])


def unit_days(spec: ModelSpec, rows: Rows, prediction: Prediction) -> UnitDays | None:
    """Rows as who looks at units sees them; None if the capacity does not count units."""
    if spec.capacity is None or not spec.capacity.unit:
        return None
    unit = rows.entities[spec.capacity.unit]
    removed = spec.capacity.known_removed
    return by_unit(prediction, rows.day, unit, rows.label > 0, known_removed=removed)


def judge(spec: ModelSpec, evaluation: Evaluation) -> tuple[GateResult, ...]:
    """The verdict of each gate, and of what holds for every model.

    What could not be told fails: a metric without positives, a probe of one class, fairness
    without two groups to compare. Fairness is a gate only where the declaration says that it
    blocks, and fails if even the lower end of the difference exceeds the limit.
    """
    results = [_verdict(gate, evaluation) for gate in spec.gates]
    for probe in evaluation.probes:
        passed = probe.passed and probe.value is not None
        results.append(
            GateResult(f"probe_{probe.name}", probe.name, probe.value, probe.bound, passed)
        )
    if spec.fairness is not None and spec.fairness.blocks:
        for found in evaluation.fairness:
            difference = found.equalized_odds_difference
            results.append(
                GateResult(
                    f"fairness_{found.column}",
                    "equalized_odds_difference",
                    difference.low if difference else None,
                    spec.fairness.limit,
                    difference is not None and difference.low <= spec.fairness.limit,
                )
            )
    return tuple(results)


def _verdict(gate: Gate, evaluation: Evaluation) -> GateResult:
    value = evaluation.metrics.get(gate.of, {}).get(gate.metric)
    if gate.lower_end or gate.upper_end:
        interval = evaluation.intervals.get(gate.metric)
        ends = None if interval is None else (interval.low, interval.high)
        value = None if ends is None else ends[(gate.at_least is None) == gate.lower_end]
    bound = gate.at_least if gate.at_least is not None else gate.at_most
    assert bound is not None
    passed = value is not None and (value >= bound if gate.at_least is not None else value <= bound)
    return GateResult(gate.name, gate.metric, value, bound, passed)
