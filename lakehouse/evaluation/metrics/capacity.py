"""Metrics at capacity: the highest scores of each day (week), up to the alerts a day (week).

Rows must come in a fixed order (by key), which breaks ties between equal scores.
"""

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.sums import ratio
from lakehouse.evaluation.predictions import Binary


def _reviewed_weights(predictions: Binary, weights: Floats) -> tuple[float, float, float]:
    """Weight of each period's top `alerts` rows, of the positives among them, and of all positives.

    A row at the cut-off counts in part.
    """
    assert predictions.alerts is not None
    periods, alerts = predictions.periods, predictions.alerts
    (ahead, total), positives = periods.weight(weights), weights[periods.positives]
    hits = np.minimum(np.maximum(alerts - ahead, 0.0), positives)
    reviewed = np.minimum(total, alerts)
    return float(np.sum(reviewed)), float(np.sum(hits)), float(np.sum(positives))


def _precision_at_capacity(predictions: Binary, weights: Floats) -> float:
    reviewed, hits, _ = _reviewed_weights(predictions, weights)
    return ratio(hits, reviewed)


def _recall_at_capacity(predictions: Binary, weights: Floats) -> float:
    _, hits, positives = _reviewed_weights(predictions, weights)
    return ratio(hits, positives)


PRECISION_AT_CAPACITY = Metric(
    name="precision_at_capacity",
    tasks=("binary",),
    label="Precision at capacity",
    description="share of the alerts at capacity that are positive",
    unit="share",
    better="higher",
    function=_precision_at_capacity,
    source="over all days (weeks); Card Precision, but detected cards are not removed (Fraud "
    "Detection Handbook, chapter 4)",
    needs=("alerts",),
)
RECALL_AT_CAPACITY = Metric(
    name="recall_at_capacity",
    tasks=("binary",),
    label="Recall at capacity",
    description="share of positives among the alerts at capacity",
    unit="share",
    better="higher",
    function=_recall_at_capacity,
    source="over all days (weeks)",
    needs=("alerts",),
)
