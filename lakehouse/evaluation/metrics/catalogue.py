"""The catalogue of all metrics. To add one, write its record and list it here."""

from collections.abc import Collection

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.capacity import PRECISION_AT_CAPACITY, RECALL_AT_CAPACITY
from lakehouse.evaluation.metrics.classes import BETTER_THAN_MAJORITY, MACRO_F1
from lakehouse.evaluation.metrics.decisions import (
    ACCURACY,
    ALERTS_PER_DAY,
    ALERTS_PER_WEEK,
    F1,
    PRECISION,
    RECALL,
)
from lakehouse.evaluation.metrics.forecasts import BETTER_THAN_NAIVE, MAE, RMSE
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.probability import LOG_LOSS, OBSERVED_OVER_EXPECTED
from lakehouse.evaluation.metrics.ranking import AUC_ROC, AVERAGE_PRECISION
from lakehouse.evaluation.periods import PeriodName
from lakehouse.evaluation.predictions import Predictions, TaskName

METRICS: tuple[Metric, ...] = (
    AVERAGE_PRECISION,
    AUC_ROC,
    MACRO_F1,
    MAE,
    RMSE,
    BETTER_THAN_NAIVE,
    LOG_LOSS,
    ACCURACY,
    PRECISION,
    RECALL,
    F1,
    PRECISION_AT_CAPACITY,
    RECALL_AT_CAPACITY,
    ALERTS_PER_DAY,
    ALERTS_PER_WEEK,
    OBSERVED_OVER_EXPECTED,
    BETTER_THAN_MAJORITY,
)
"""In display order."""

ALERTS_PER: dict[PeriodName, str] = {"day": ALERTS_PER_DAY.name, "week": ALERTS_PER_WEEK.name}
"""The metric that counts alerts, by the period of the capacity."""

AT_CAPACITY = (PRECISION_AT_CAPACITY.name, RECALL_AT_CAPACITY.name)
"""Metrics whose alerts are shared out by period, so that they need whole periods."""


class UnknownMetric(ValueError):
    """A metric name that does not exist."""


def find_metric(name: str, task: TaskName | None = None) -> Metric:
    """The metric called `name`, restricted to `task` if one is given.

    Raises:
        UnknownMetric: with the names that exist.
    """
    known = metrics_of(task)
    for metric in known:
        if metric.name == name:
            return metric
    names = ", ".join(metric.name for metric in known)
    raise UnknownMetric(f"{name!r} is not a {task or 'known'} metric; choose one of {names}")


def metrics_of(task: TaskName | None = None) -> tuple[Metric, ...]:
    """All metrics of a task, or of all tasks."""
    return tuple(metric for metric in METRICS if task is None or task in metric.tasks)


def ordered_metrics(task: TaskName) -> tuple[str, ...]:
    """Names of a task's metrics for which more, or less, is better."""
    return tuple(metric.name for metric in metrics_of(task) if metric.better != "neither")


def metric_values(
    predictions: Predictions, weights: Floats | None = None, only: Collection[str] | None = None
) -> dict[str, float]:
    """Values by name; rows are weighted by `weights` (rows,), or counted once each.

    NaN where the rows do not determine the value. Without `only`, a collection of names, returns
    the metrics that have a direction. Metrics whose `needs` the predictions lack are left out.
    """
    counted = np.ones(predictions.rows) if weights is None else weights
    names = ordered_metrics(predictions.task) if only is None else only
    return {
        metric.name: metric.function(predictions, counted) if predictions.complete else np.nan
        for metric in metrics_of(predictions.task)
        if metric.name in names and predictions.has(metric.needs)
    }


def metric_value(predictions: Predictions, name: str, weights: Floats | None = None) -> float:
    """One metric's value; NaN where the rows do not determine it.

    Raises:
        UnknownMetric: when the predictions have no such metric.
    """
    found = metric_values(predictions, weights, [name])
    if name not in found:
        needs = " and ".join(f"`{need}`" for need in find_metric(name, predictions.task).needs)
        raise UnknownMetric(f"{name} needs predictions with {needs}")
    return found[name]
