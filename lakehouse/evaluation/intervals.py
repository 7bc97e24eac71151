"""Confidence intervals of metrics from resamples of whole clusters."""

import math
from collections.abc import Collection, Mapping

import numpy as np

from lakehouse.evaluation.document import Interval
from lakehouse.evaluation.metrics import Floats
from lakehouse.evaluation.resample import Resampling, resample
from lakehouse.evaluation.weighted import Predictions

LEVEL = 0.95


def percentile_interval(value: float, resampled: Floats, level: float = LEVEL) -> Interval | None:
    """Where the middle `level` of resampled values lies (Efron & Tibshirani 1993, chapter 13).

    None if the value cannot be told, or if more resamples could not tell it than the interval
    leaves out: its ends would then be those of the lucky ones.
    """
    known = resampled[np.isfinite(resampled)]
    if not math.isfinite(value) or len(known) < level * len(resampled) or not len(known):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high), level=level)


def metric_intervals(
    predictions: Predictions,
    resampling: Resampling,
    only: Collection[str] | None = None,
    level: float = LEVEL,
) -> dict[str, Interval | None]:
    """The interval of each metric of these predictions, or of `only` some, in one pass."""
    values = predictions.metrics(only=only)
    repeats = resample(lambda weights: vector(predictions.metrics(weights, only)), resampling)
    return {
        name: percentile_interval(value, repeats[:, place], level)
        for place, (name, value) in enumerate(values.items())
    }


def vector(metrics: Mapping[str, float]) -> Floats:
    """The values alone, in their order, as `resample` wants them."""
    return np.array(list(metrics.values()))
