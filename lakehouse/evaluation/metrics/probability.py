"""Metrics that treat scores as probabilities."""

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.sums import ratio, weighted_mean, weighted_sum
from lakehouse.evaluation.predictions import Binary, Multiclass


def _log_loss(predictions: Binary | Multiclass, weights: Floats) -> float:
    return weighted_mean(weights, predictions.losses)


def _observed_over_expected(predictions: Binary, weights: Floats) -> float:
    observed = weighted_sum(weights, predictions.truth)
    return ratio(observed, weighted_sum(weights, predictions.score))


LOG_LOSS = Metric(
    name="log_loss",
    tasks=("binary", "multiclass"),
    label="Log loss",
    description="negative log likelihood of a row",
    unit="nats",
    better="lower",
    function=_log_loss,
    source="natural logarithms, likelihoods cut at 2.2e-16: scikit-learn's `log_loss`",
)
OBSERVED_OVER_EXPECTED = Metric(
    name="observed_over_expected",
    tasks=("binary",),
    label="Observed over expected",
    description="positives over the sum of scores",
    unit="ratio",
    better="neither",
    function=_observed_over_expected,
    source="1 if scores are correct on average; its interval is in `calibration_error`",
)
