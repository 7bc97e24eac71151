"""Looking daily at the last few weeks: an interval's level for all looks together.

Windows of the last days overlap, so their figures move slowly: many looks count as few. The looks
in `sequential.py` are at growing data instead.
"""

from statistics import NormalDist

NORMAL = NormalDist()
ONE_MORE = 1.0
"""Windows that the first, growing one adds: it is looked at while it fills."""


def level(alpha: float, windows: float) -> float:
    """The level at which an interval misses on one chosen side, ever, with probability `alpha`.

    Over so many `windows` laid end to end, looked at as often as one likes.
    """
    reach = _root(alpha, windows + ONE_MORE)
    return 2 * NORMAL.cdf(reach) - 1


def _root(alpha: float, windows: float) -> float:
    """The z at which 1 - Phi(z) + windows z phi(z) is `alpha`, by halving.

    The chance that a standardized moving sum of Brownian motion ever exceeds z (D. Siegmund,
    *Sequential Analysis*, 1985; used to monitor regressions by C.-S. J. Chu, M. Stinchcombe &
    H. White, "Monitoring structural change", Econometrica 64, 1996).
    """
    low, high = 1.0, 10.0
    for _ in range(60):
        z = (low + high) / 2
        chance = 1 - NORMAL.cdf(z) + windows * z * NORMAL.pdf(z)
        low, high = (z, high) if chance > alpha else (low, z)
    return high
