"""How far windows lie from a reference by chance: measured on the days of the training set.

Days differ although nothing changes (a payday, rain, a campaign), and rows of one day share that
effect. So days are drawn, never rows. `bounds.py` decides which distance is more than chance.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.monitoring.look.cells import Counts

Floats = npt.NDArray[np.float64]
Figure = Callable[[Counts], Floats]
"""A distance of windows (..., slots) from the reference that is a sum of squares: PSI, or the
square of a difference of shares; NaN where a window has no rows."""

WEEK = 7
DRAWS = 500
MIN_WINDOWS = 3
"""Chance cannot be estimated from fewer days than this many windows have."""

MIN_DIRECTIONS = 0.5
"""A few hundred draws do not support a lower value, which would mean a heavier tail."""


@dataclass(frozen=True)
class Chance:
    """A figure's distribution while nothing changes: a shifted and scaled chi-square of
    `directions`.

    `days` are the degrees of freedom with which its mean and deviation were estimated.
    """

    mean: float
    deviation: float
    directions: float
    days: float

    def upper_quantile(self, alpha: float) -> float:
        """The value that the figure of one more window exceeds with probability `alpha`.

        Estimates in place of the true moments make the chi-square an F, as in the second-order
        correction of J. N. K. Rao & A. J. Scott ("On chi-squared tests for multiway contingency
        tables with cell proportions estimated from survey data", Annals of Statistics 12, 1984),
        whose clusters are days here.
        """
        from scipy.special import fdtri

        f = self.directions
        ratio = float(fdtri(f, f * self.days, 1 - alpha))
        return self.mean + self.deviation * math.sqrt(f / 2) * (ratio - 1)


@dataclass(frozen=True, eq=False)
class Draws:
    """Windows of the training set: `drawn` from its days (draws, slots), and `successive` days.

    `days` is the number of days, `freedom` the degrees of freedom of their deviations from the
    mean of the weekday.
    """

    drawn: Counts
    successive: Counts
    window: int
    days: int
    freedom: int

    def distribution(self, figure: Figure) -> Chance:
        """The distribution of `figure`: a chi-square with the draws' mean, deviation and skewness.

        Three moments, since two make the far tail of a sum of squares too light where one of them
        dominates (Imhof, "Computing the distribution of quadratic forms in normal variables",
        Biometrika 48, 1961, after E. S. Pearson). Autocorrelated days, or a trend, make real
        windows lie farther off than drawn ones: if their mean is larger, the distribution is scaled
        to it.
        """
        figures = figure(self.drawn)
        mean, deviation = float(figures.mean()), float(figures.std())
        if deviation == 0:
            return Chance(mean, 0.0, 1.0, self.freedom)
        skewness = float((((figures - mean) / deviation) ** 3).mean())
        highest = float(self.drawn.shape[1])
        directions = float(np.clip(8 / max(skewness, 1e-3) ** 2, MIN_DIRECTIONS, highest))
        # the reference consists of such days too, and drawn days vary less than the true ones
        scale = self.days / self.freedom * (1 + self.window / self.days)
        if len(self.successive):
            scale = max(scale, float(figure(self.successive).mean()) / mean)
        return Chance(scale * mean, scale * deviation, directions, self.freedom)


def draw_windows(days: Counts, periods: npt.NDArray[Any], window: int) -> Draws | None:
    """Windows of `window` days, from counts of `days` (days, slots) in order.

    A new period begins where `periods` (days,) changes; days without rows are left out. Windows of
    whole weeks take each weekday equally often, as real ones do. None with fewer days than
    `MIN_WINDOWS` windows have.
    """
    has_rows = days.sum(axis=1) > 0
    days, periods, weekday = days[has_rows], periods[has_rows], np.flatnonzero(has_rows) % WEEK
    strata = weekday if window % WEEK == 0 else np.zeros(len(days), dtype=np.int64)
    freedom = len(days) - len(np.unique(strata))
    if len(days) < MIN_WINDOWS * window or freedom < 1:
        return None
    # whole numbers, so the sum is exact in any order
    drawn = (_draw_counts(strata, window) @ days.astype(np.float64)).astype(np.int64)
    successive = [_running_sums(days[periods == one], window) for one in np.unique(periods)]
    return Draws(drawn, np.concatenate(successive), window, len(days), freedom)


def _draw_counts(strata: npt.NDArray[np.int64], window: int) -> Floats:
    """How often each day is in each drawn window, (draws, days): every stratum equally often."""
    random = np.random.default_rng(0)
    times = np.zeros((DRAWS, len(strata)))
    groups = np.unique(strata)
    for i, one in enumerate(groups):
        days = np.flatnonzero(strata == one)
        size = window // len(groups) + (i < window % len(groups))
        times[:, days] = random.multinomial(size, np.full(len(days), 1 / len(days)), DRAWS)
    return times


def _running_sums(days: Counts, window: int) -> Counts:
    """Sums of each `window` successive days, (days - window + 1, slots); empty with fewer days."""
    total = np.concatenate([np.zeros((1, days.shape[1]), np.int64), days.cumsum(axis=0)])
    return total[window:] - total[:-window] if len(days) >= window else total[:0]
