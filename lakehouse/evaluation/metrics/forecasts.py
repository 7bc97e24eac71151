"""Errors of forecasts, in the label's unit or relative to a naive forecast."""

import math

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.metrics.sums import ratio, weighted_mean
from lakehouse.evaluation.predictions import Regression


def _mae(predictions: Regression, weights: Floats) -> float:
    return weighted_mean(weights, predictions.errors)


def _rmse(predictions: Regression, weights: Floats) -> float:
    return math.sqrt(weighted_mean(weights, predictions.errors**2))


def _better_than_naive(predictions: Regression, weights: Floats) -> float:
    best = min(weighted_mean(weights, errors) for errors in predictions.naive_errors)
    return 1 - ratio(_mae(predictions, weights), best)


MAE = Metric(
    name="mae",
    tasks=("regression",),
    label="Mean absolute error",
    description="in the label's unit",
    unit="label",
    better="lower",
    function=_mae,
    source="scikit-learn's `mean_absolute_error`",
)
RMSE = Metric(
    name="rmse",
    tasks=("regression",),
    label="Root mean squared error",
    description="in the label's unit",
    unit="label",
    better="lower",
    function=_rmse,
    source="scikit-learn's `root_mean_squared_error`",
)
BETTER_THAN_NAIVE = Metric(
    name="better_than_naive",
    tasks=("regression",),
    label="Better than naive",
    description="share by which MAE is below the best naive forecast's",
    unit="gain",
    better="higher",
    function=_better_than_naive,
    source="a skill score: 1 minus the ratio of the errors (Hyndman & Koehler, International "
    "Journal of Forecasting 22, 2006)",
    needs=("naive",),
)
