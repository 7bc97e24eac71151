"""Confidence intervals of metrics from resamples of whole clusters, on the scale that suits each.

Near its end a metric's law is skewed, and its error is estimated too small just where the estimate
is too good: percentiles of an AUC of .97 with 55 positives held the true value 88 times in 100.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np

from lakehouse.evaluation.arrays import Floats
from lakehouse.evaluation.document import Interval
from lakehouse.evaluation.metrics import find_metric, metric_values
from lakehouse.evaluation.predictions import Predictions
from lakehouse.evaluation.resampling import Resampling, resample
from lakehouse.evaluation.scales import Scale

LEVEL = 0.95
MOST_ACCELERATED = 0.4


def interval_of(
    value: float, resampled: Floats, evidence: int, scale: Scale, level: float = LEVEL
) -> Interval | None:
    """Where the value lies with probability `level`, never outside of its scale.

    From the deviation of the resampled values on `scale`, Student's quantile for `evidence` (the
    positives) less one, and Efron's acceleration, a sixth of the resamples' skewness ("Better
    bootstrap confidence intervals", JASA 82, 1987), which moves both ends to the long tail. A value
    at an end of its scale has the exact one-sided interval of `evidence` Bernoulli trials (Clopper
    & Pearson, Biometrika 26, 1934), or that of its resamples if it is longer.

    None if the value cannot be told, or if more than one resample in twenty could not tell it: the
    interval would be that of the lucky ones.
    """
    known = resampled[np.isfinite(resampled)]
    if not math.isfinite(value) or len(known) < LEVEL * len(resampled) or not len(known):
        return None
    if not scale.inside(value):
        return _at_the_end(value, known, evidence, level)
    from scipy.special import stdtrit

    quantile = float(stdtrit(max(evidence - 1, 1), (1 + level) / 2))
    reach = (
        float(np.std(scale.deviations(known, value), ddof=1)) * quantile if len(known) > 1 else 0
    )
    tilt = float(np.clip(_skewness(known) / 6 * quantile, -MOST_ACCELERATED, MOST_ACCELERATED))
    low, high = (scale.moved(value, -reach / (1 + tilt)), scale.moved(value, reach / (1 - tilt)))
    return Interval(value=value, low=low, high=high, level=level)


def metric_intervals(
    predictions: Predictions,
    resampling: Resampling,
    only: Collection[str] | None = None,
    level: float = LEVEL,
) -> dict[str, Interval | None]:
    """The interval of each metric of these predictions, or of `only` some, in one pass."""
    values = metric_values(predictions, only=only)
    repeats = resample(
        lambda weights: vector(metric_values(predictions, weights, only)), resampling
    )
    return {
        name: interval_of(
            value, repeats[:, place], predictions.positives, find_metric(name).scale, level
        )
        for place, (name, value) in enumerate(values.items())
    }


def vector(metrics: Mapping[str, float]) -> Floats:
    """The values alone, in their order, as `resample` wants them."""
    return np.array(list(metrics.values()))


def _at_the_end(value: float, known: Floats, evidence: int, level: float) -> Interval:
    tail = (1 - level) / 2
    low, high = (float(end) for end in np.quantile(known, [tail, 1 - tail]))
    possible = 1 - tail ** (1 / max(evidence, 1))
    if value == 1:
        return Interval(value=value, low=min(low, 1 - possible), high=1.0, level=level)
    if value == 0:
        return Interval(value=value, low=0.0, high=max(high, possible), level=level)
    return Interval(value=value, low=low, high=high, level=level)


def _skewness(values: Floats) -> float:
    deviation = float(values.std())
    if deviation <= 1e-12:
        return 0.0
    return float((((values - values.mean()) / deviation) ** 3).mean())
