"""The prior's shift: how far the share of positives has moved since the training rows.

It is one number of log odds, added to calibrated scores. It is estimated on the newest settled rows
outside the test period, and shrunk by as much as may be due to chance.
"""

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Floats
from lakehouse.evaluation.calibration_error import design_effect
from lakehouse.evaluation.resampling import Resampling

PRIOR_DEVIATION = 0.4
"""The usual standard deviation of observed over expected from one period to the next."""

MAX_SHIFT = 3.0
"""The largest shift in log odds: a factor of twenty in the odds is not drift."""

_EDGE = 1e-15
_BISECTIONS = 60


def prior_shift(score: Floats, truth: Bools, clusters: tuple[npt.NDArray[np.int64], ...]) -> float:
    """The log odds to add to `score` (rows,) so that it predicts the expected number of positives.

    Observed over expected has a gamma prior of mean 1 and deviation `PRIOR_DEVIATION`, and
    positives are a Poisson count of as many independent events as their one or two `clusters`
    (rows,) are worth. The posterior mean is the estimate (Gelman et al., *Bayesian Data Analysis*,
    3rd ed., section 2.6): many positives move the prior all the way, few hardly at all. Only the
    prior moves, not the features of a positive, so the odds change by the same factor for every row
    (Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori
    probabilities", Neural Computation 14, 2002).
    """
    expected, observed = float(np.sum(score)), int(np.sum(truth))
    effect = design_effect(truth, score, Resampling.of(len(score), *clusters))
    if not len(score) or not expected > 0 or effect is None:
        return 0.0
    prior = 1 / PRIOR_DEVIATION**2
    ratio = (prior + observed / effect) / (prior + expected / effect)
    target = ratio * expected
    low, high = -MAX_SHIFT, MAX_SHIFT
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.sum(shift_odds(score, middle)) < target else (low, middle)
    return (low + high) / 2


def shift_odds(score: Floats, shift: float) -> Floats:
    """Probabilities with `shift` added to their log odds; they keep their order."""
    if not shift:
        return score
    p = np.clip(score.astype(np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(p / (p + np.exp(-shift) * (1 - p)), dtype=np.float64)
