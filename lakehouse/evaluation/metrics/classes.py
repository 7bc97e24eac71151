"""Metrics of multiclass predictions: how often the likeliest class is the true one."""

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.decisions import ACCURACY
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.sums import weighted_mean
from lakehouse.evaluation.predictions import Multiclass


def _macro_f1(predictions: Multiclass, weights: Floats) -> float:
    table = predictions.confusion(weights)
    either = table.sum(axis=0) + table.sum(axis=1)
    f1 = 2 * np.diag(table)[either > 0] / either[either > 0]
    return float(np.mean(f1)) if len(f1) else float("nan")


def _better_than_majority(predictions: Multiclass, weights: Floats) -> float:
    always = weighted_mean(weights, predictions.truth == predictions.majority)
    return ACCURACY.function(predictions, weights) - always


MACRO_F1 = Metric(
    name="macro_f1",
    tasks=("multiclass",),
    label="Macro F1",
    description="mean over classes",
    unit="share",
    better="higher",
    function=_macro_f1,
    source="over classes that occur or are predicted: scikit-learn's `f1_score`, `average='macro'`",
)
BETTER_THAN_MAJORITY = Metric(
    name="better_than_majority",
    tasks=("multiclass",),
    label="Better than majority",
    description="accuracy above that of the most frequent class",
    unit="gain",
    better="higher",
    function=_better_than_majority,
    source="accuracy minus that of always predicting the most frequent training class",
)
