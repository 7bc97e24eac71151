"""Metrics from the predictions of a period, and gate verdicts from an evaluation."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.document import Evaluation, Metrics
from lakehouse.evaluation.metrics import ALERTS_PER, AT_CAPACITY, metric_values
from lakehouse.evaluation.periods import DAY
from lakehouse.evaluation.predictions import Binary, Predictions
from lakehouse.models.spec import Gate, ModelSpec
from lakehouse.models.threshold import UnitPeriods, by_unit
from lakehouse.registry import GateResult
from lakehouse.training.sets.rows import Rows

Prediction = npt.NDArray[np.float64]


def assess(
    spec: ModelSpec,
    rows: Rows,
    prediction: Prediction,
    threshold: float | None,
    constant: float,
    classes: tuple[str, ...],
) -> Metrics:
    """The metrics of `prediction` on `rows`; undefined ones are None.

    If capacity is counted in units (cards), so are the metrics at capacity and the alerts.
    """
    found = spec.task.evaluate(
        predictions(spec, rows, prediction, threshold, constant), constant, classes
    )
    units = unit_periods(spec, rows, prediction)
    if units is not None and spec.capacity is not None:
        by_units = predictions_of_units(spec, units, threshold)
        found |= metric_values(by_units, only=[*AT_CAPACITY, ALERTS_PER[spec.capacity.per]])
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def predictions(
    spec: ModelSpec, rows: Rows, prediction: Prediction, threshold: float | None, constant: float
) -> Predictions:
    """The same predictions in the form that intervals and comparisons need.

    Metrics at capacity are left out if they count units, because `unit_periods` has different rows.
    """
    capacity = spec.capacity
    return spec.task.predictions(
        rows,
        prediction,
        constant,
        threshold=threshold,
        alerts=None if capacity is None or capacity.unit else capacity.alerts,
        period=DAY if capacity is None else capacity.period,
    )


def predictions_of_units(spec: ModelSpec, units: UnitPeriods, threshold: float | None) -> Binary:
    """Predictions with one row for each unit and period of the capacity."""
    capacity = spec.capacity
    assert capacity is not None
    flagged = None if threshold is None else units.score >= threshold
    found = Binary(units.truth, units.score, flagged)
    if capacity.per == "week":
        return replace(found, week=units.period, alerts=capacity.alerts)
    return replace(found, day=units.period, alerts=capacity.alerts)


def unit_periods(spec: ModelSpec, rows: Rows, prediction: Prediction) -> UnitPeriods | None:
    """Rows grouped into units and periods; None if the capacity does not count units."""
    if not spec.task.decides or spec.capacity is None or not spec.capacity.unit:
        return None
    unit = rows.entities[spec.capacity.unit]
    removed = spec.capacity.known_removed
    period = spec.capacity.period.of(rows.day)
    return by_unit(prediction, period, unit, rows.label > 0, known_removed=removed)


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
