"""From a fitted model and a period's rows to metrics, thresholds and gate verdicts."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.evaluate import (
    Period,
    evaluate_binary,
    evaluate_multiclass,
    evaluate_regression,
)
from lakehouse.evaluation.metrics import threshold_at_capacity
from lakehouse.registry import GateResult
from lakehouse.training.rows import Rows
from lakehouse.training.spec import ModelSpec

Prediction = npt.NDArray[np.float64]
PeriodMetrics = dict[str, float | None]


def choose_threshold(spec: ModelSpec, rows: Rows, score: Prediction) -> float | None:
    """The score that the declared number of alerts a day reach on these rows; None if not binary.

    Taken on validation rows (on training rows only if there are no others), never on the test.
    """
    if spec.task != "binary" or spec.capacity is None:
        return None
    days = len(np.unique(rows.day))
    return threshold_at_capacity(score, days, spec.capacity.alerts)


def baseline(spec: ModelSpec, train: Rows) -> float:
    """What the trivial model knows: the label's mean, or the position of the commonest class."""
    if spec.task == "multiclass":
        return float(np.bincount(train.label.astype(int)).argmax())
    return float(train.label.mean())


def assess(
    spec: ModelSpec,
    rows: Rows,
    prediction: Prediction,
    threshold: float | None,
    constant: float,
    classes: tuple[str, ...],
) -> PeriodMetrics:
    """The metrics of `prediction` on `rows`; what cannot be told from them is None."""
    period = Period(rows.label, rows.day, rows.naive)
    if spec.task == "binary":
        assert threshold is not None
        assert spec.capacity is not None
        found = evaluate_binary(period, prediction, threshold, spec.capacity.alerts, constant)
    elif spec.task == "regression":
        found = evaluate_regression(period, prediction, constant)
    else:
        found = evaluate_multiclass(period, prediction, classes, int(constant))
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def judge(
    spec: ModelSpec, metrics: Mapping[str, Mapping[str, float | None]]
) -> tuple[GateResult, ...]:
    """The verdict of each gate; a metric that could not be told fails."""
    results = []
    for gate in spec.gates:
        value = metrics.get(gate.of, {}).get(gate.metric)
        bound = gate.at_least if gate.at_least is not None else gate.at_most
        assert bound is not None
        passed = value is not None and (
            value >= bound if gate.at_least is not None else value <= bound
        )
        results.append(GateResult(gate.name, gate.metric, value, bound, passed))
    return tuple(results)
