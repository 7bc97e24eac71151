"""Daily looks at the last few weeks: how far a value strays by chance over all looks together.

Windows of the last days overlap, so their values move slowly, and many looks count as few. The
looks in `sequential.py` are at growing data instead.
"""

from statistics import NormalDist

import numpy as np

from lakehouse.evaluation.arrays import Floats

EXTRA_WINDOWS = 1.0
"""Windows that the first one adds, because looks begin while it fills."""

_NODES = np.linspace(-6, 6, 241)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()


def shortfall_bound(error: float, reference_error: float, alpha: float, windows: float) -> float:
    """The shortfall below a reference that chance ever exceeds with probability `alpha`.

    Holds over `windows` windows laid end to end, at any number of looks, if nothing has changed
    since the reference was measured. `error` is the standard error of one look. `reference_error`
    is that of the reference, an error shared by all looks: the probability is averaged over its
    distribution. The result is in the unit of the errors.
    """
    low, high = 0.0, 12 * float(np.hypot(error, reference_error))
    if not error:
        return NormalDist().inv_cdf(1 - alpha) * reference_error
    for _ in range(60):
        middle = (low + high) / 2
        chance = _WEIGHTS * _crossing_probability(
            (middle - reference_error * _NODES) / error, windows + EXTRA_WINDOWS
        )
        low, high = (middle, high) if chance.sum() > alpha else (low, middle)
    return high


def _crossing_probability(z: Floats, windows: float) -> Floats:
    """The probability that a standardized moving sum of independent steps ever exceeds z (n,).

    1 - Phi(z) + windows z phi(z) for Brownian motion, for large z (D. Siegmund, *Sequential
    Analysis*, 1985; used for monitoring since C.-S. J. Chu, K. Hornik & C.-M. Kuan, "MOSUM tests
    for parameter constancy", Biometrika 82, 1995).
    """
    from scipy.special import ndtr

    density = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    # below 1 it is certain for the number of windows in a year, and the formula decreases again
    chance: Floats = np.where(z < 1, 1.0, np.minimum(1 - ndtr(z) + windows * z * density, 1.0))
    return chance
