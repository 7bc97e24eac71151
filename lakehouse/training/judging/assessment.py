"""Metrics from the predictions of a period, and gate verdicts from an evaluation."""

import math

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.document import Evaluation, Metrics
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary, Predictions
from lakehouse.models.spec import Gate, ModelSpec
from lakehouse.models.threshold import UnitDays, by_unit
from lakehouse.registry import GateResult
from lakehouse.training.sets.rows import Rows

Prediction = npt.NDArray[np.float64]

AT_CAPACITY = ("precision_at_capacity", "recall_at_capacity")


def assess(
    spec: ModelSpec,
    rows: Rows,
    prediction: Prediction,
    threshold: float | None,
    constant: float,
    classes: tuple[str, ...],
) -> Metrics:
    """The metrics of `prediction` on `rows`; undefined ones are None.

    If capacity is counted in units (cards), so are the metrics at capacity and alerts a day.
    """
    found = spec.task.evaluate(
        predictions(spec, rows, prediction, threshold, constant), constant, classes
    )
    units = unit_days(spec, rows, prediction)
    if units is not None:
        by_units = predictions_of_units(spec, units, threshold)
        found |= metric_values(by_units, only=[*AT_CAPACITY, "alerts_per_day"])
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def predictions(
    spec: ModelSpec, rows: Rows, prediction: Prediction, threshold: float | None, constant: float
) -> Predictions:
    """The same predictions in the form that intervals and comparisons need.

    Metrics at capacity are left out if they count units, because `unit_days` has different rows.
    """
    alerts = None if spec.capacity is None or spec.capacity.unit else spec.capacity.alerts
    return spec.task.predictions(rows, prediction, constant, threshold=threshold, alerts=alerts)


def predictions_of_units(spec: ModelSpec, units: UnitDays, threshold: float | None) -> Binary:
    """Predictions with one row for each unit and day."""
    assert spec.capacity is not None
    flagged = None if threshold is None else units.score >= threshold
    return Binary(units.truth, units.score, flagged, units.day, spec.capacity.alerts)


def unit_days(spec: ModelSpec, rows: Rows, prediction: Prediction) -> UnitDays | None:
    """Rows grouped into units and days; None if the capacity does not count units."""
    if not spec.task.decides or spec.capacity is None or not spec.capacity.unit:
        return None
    unit = rows.entities[spec.capacity.unit]
    removed = spec.capacity.known_removed
    return by_unit(prediction, rows.day, unit, rows.label > 0, known_removed=removed)


def check_gates(spec: ModelSpec, evaluation: Evaluation) -> tuple[GateResult, ...]:
    """The verdict of each declared gate, and of the checks that apply to every model.

    An undefined value fails: a metric without positives, a probe with one class, fairness without
    two groups to compare. Fairness is a gate only if the declaration sets `blocks`; it fails if
    even the lower end of the difference exceeds the limit.
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
