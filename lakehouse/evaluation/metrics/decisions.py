"""Metrics of decisions: binary ones at a threshold, or the likeliest class."""

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.sums import ratio, weighted_mean
from lakehouse.evaluation.predictions import Binary, Multiclass


def _accuracy(predictions: Binary | Multiclass, weights: Floats) -> float:
    assert predictions.correct is not None
    return weighted_mean(weights, predictions.correct)


def _outcome_weights(predictions: Binary, weights: Floats) -> tuple[float, float, float]:
    """Weight of true positives, of all flagged rows, and of all positives."""
    assert predictions.outcome_indices is not None
    hits, alarms, positives = (float(np.sum(weights[at])) for at in predictions.outcome_indices)
    return hits, alarms, positives


def _precision(predictions: Binary, weights: Floats) -> float:
    hits, alarms, _ = _outcome_weights(predictions, weights)
    return hits / alarms if alarms else 0.0


def _recall(predictions: Binary, weights: Floats) -> float:
    hits, _, positives = _outcome_weights(predictions, weights)
    return ratio(hits, positives)


def _f1(predictions: Binary, weights: Floats) -> float:
    hits, alarms, positives = _outcome_weights(predictions, weights)
    return ratio(2 * hits, alarms + positives)


def _alerts_per_period(predictions: Binary, weights: Floats) -> float:
    assert predictions.period is not None
    _, alarms, _ = _outcome_weights(predictions, weights)
    return ratio(alarms, len(np.unique(predictions.period[weights > 0])))


ACCURACY = Metric(
    name="accuracy",
    tasks=("binary", "multiclass"),
    label="Accuracy",
    description="share of rows classified correctly",
    unit="share",
    better="higher",
    function=_accuracy,
    source="scikit-learn's `accuracy_score`",
    needs=("correct",),
)
PRECISION = Metric(
    name="precision",
    tasks=("binary",),
    label="Precision",
    description="at the threshold",
    unit="share",
    better="higher",
    function=_precision,
    source="share of flagged rows that are positive, 0 if none is flagged: scikit-learn's "
    "`precision_score`",
    needs=("flagged",),
)
RECALL = Metric(
    name="recall",
    tasks=("binary",),
    label="Recall",
    description="at the threshold",
    unit="share",
    better="higher",
    function=_recall,
    source="share of positive rows that are flagged: scikit-learn's `recall_score`",
    needs=("flagged",),
)
F1 = Metric(
    name="f1",
    tasks=("binary",),
    label="F1",
    description="at the threshold",
    unit="share",
    better="higher",
    function=_f1,
    source="harmonic mean of precision and recall: scikit-learn's `f1_score`",
    needs=("flagged",),
)
ALERTS_PER_DAY = Metric(
    name="alerts_per_day",
    tasks=("binary",),
    label="Alerts a day",
    description="at the threshold",
    unit="alerts a day",
    better="neither",
    function=_alerts_per_period,
    source="flagged rows over the number of days with rows",
    needs=("flagged", "day"),
)
ALERTS_PER_WEEK = Metric(
    name="alerts_per_week",
    tasks=("binary",),
    label="Alerts a week",
    description="at the threshold",
    unit="alerts a week",
    better="neither",
    function=_alerts_per_period,
    source="flagged rows over the number of weeks with rows, for a capacity a week",
    needs=("flagged", "week"),
)
