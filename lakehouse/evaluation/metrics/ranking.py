"""Ranking metrics: how scores order the rows, independent of the threshold."""

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.sums import ratio, running_sum
from lakehouse.evaluation.predictions import Binary


def _average_precision(predictions: Binary, weights: Floats) -> float:
    ranking = predictions.ranking
    hits = running_sum(weights[ranking.positives])
    if not hits[-1]:
        return float("nan")
    alarms, hits = ranking.weight(weights)[1], hits[ranking.hits]
    precision = np.divide(hits, alarms, out=np.zeros_like(hits), where=alarms > 0)
    # thresholds that gain no recall are summed too: other partial sums differ in their last bits
    terms = np.zeros(ranking.thresholds)
    terms[ranking.threshold] = precision * np.diff(hits / hits[-1], prepend=0.0)
    return float(np.sum(terms))


def _auc_roc(predictions: Binary, weights: Floats) -> float:
    ranking = predictions.ranking
    (above, upto, total), hits = ranking.weight(weights), running_sum(weights[ranking.positives])
    positives, negatives = hits[-1], total - hits[-1]
    reached = hits[ranking.hits]
    gained = np.diff(reached, prepend=0.0)
    beaten = negatives - (above - (reached - gained) + upto - reached) / 2
    return ratio(float(np.sum(gained * beaten)), float(positives * negatives))


AVERAGE_PRECISION = Metric(
    name="average_precision",
    tasks=("binary",),
    label="Average precision",
    description="area under precision over recall",
    unit="share",
    better="higher",
    function=_average_precision,
    source="precision at each threshold weighted by the recall gained there, not interpolated: "
    "scikit-learn's `average_precision_score`",
)
AUC_ROC = Metric(
    name="auc_roc",
    tasks=("binary",),
    label="Area under ROC",
    description="probability that a positive scores above a negative",
    unit="share",
    better="higher",
    function=_auc_roc,
    source="Mann & Whitney, 1947; ties count half: scikit-learn's `roc_auc_score`",
)
