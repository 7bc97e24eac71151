"""Metrics, one record each: name, label, unit, direction, and a function of weighted rows."""

from lakehouse.evaluation.metrics.catalogue import (
    ALERTS_PER,
    AT_CAPACITY,
    UnknownMetric,
    find_metric,
    metric_value,
    metric_values,
    metrics_of,
    ordered_metrics,
)
from lakehouse.evaluation.metrics.metric import Metric

__all__ = [
    "ALERTS_PER",
    "AT_CAPACITY",
    "Metric",
    "UnknownMetric",
    "find_metric",
    "metric_value",
    "metric_values",
    "metrics_of",
    "ordered_metrics",
]
