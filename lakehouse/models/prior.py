"""The prior's shift: how far the share of positives has moved since the rows that were learnt from.

One number of log odds, added to calibrated scores. It is estimated on the newest settled rows that
are not tested on, shrunk as far as these may differ by chance.
"""

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Floats
from lakehouse.evaluation.calibration_error import design_effect
from lakehouse.evaluation.resampling import Resampling

SPREAD = 0.4
"""Deviation of observed over expected from one period to the next that is taken for usual."""

FURTHEST = 3.0
"""No shift is larger, in log odds: twenty times the odds is no drift."""

_EDGE = 1e-15
_HALVINGS = 60


def prior_shift(score: Floats, truth: Bools, clusters: tuple[npt.NDArray[np.int64], ...]) -> float:
    """The log odds to add to `score` (rows,), so that it expects as many positives as will come.

    Observed over expected is taken for a draw from a gamma distribution of mean 1 and deviation
    `SPREAD`, and positives for a Poisson count of as many independent events as their one or two
    `clusters` (rows,) are worth; its posterior mean is what is expected (Gelman et al., *Bayesian
    Data Analysis*, 3rd ed., section 2.6). So many positives move the prior all the way, few hardly.
    Only the prior moves, not what a positive looks like: odds then change alike for every row
    (Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori
    probabilities", Neural Computation 14, 2002).
    """
    expected, observed = float(np.sum(score)), int(np.sum(truth))
    effect = design_effect(truth, score, Resampling.of(len(score), *clusters))
    if not len(score) or not expected > 0 or effect is None:
        return 0.0
    prior = 1 / SPREAD**2
    ratio = (prior + observed / effect) / (prior + expected / effect)
    wanted = ratio * expected
    low, high = -FURTHEST, FURTHEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.sum(shifted(score, middle)) < wanted else (low, middle)
    return (low + high) / 2


def shifted(score: Floats, shift: float) -> Floats:
    """Probabilities with `shift` added to their log odds; they keep their order."""
    if not shift:
        return score
    p = np.clip(score.astype(np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(p / (p + np.exp(-shift) * (1 - p)), dtype=np.float64)
