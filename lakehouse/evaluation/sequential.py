"""Repeated looks at a comparison as labels mature, with a bounded rate of false alarms.

A 95 % interval is valid for one look: thirty looks at growing data turn 2.5 % false alarms into 14.
The boundary here holds for all looks together, however many there are and whenever they happen, so
a champion's lifetime need not be known in advance (a spending function needs it, and ends when all
is spent). No state is kept: the table of looks is sufficient.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.evaluation.comparisons import MINIMUM_POSITIVES
from lakehouse.evaluation.document import Interval, Verdict

ALPHA = 0.025
PLANNED = 500


@dataclass(frozen=True)
class Look:
    """A comparison on *all* rows matured so far: ours minus theirs, and its standard error."""

    positives: int
    difference: float
    standard_error: float


@dataclass(frozen=True)
class Finding:
    """The verdict of all looks, and the index (from 0) of the look that decided it.

    `difference` is of that look, or of the last one if nothing is decided; its interval holds for
    all looks.
    """

    verdict: Verdict
    look: int | None
    difference: Interval | None


def boundary(positives: int, planned: int = PLANNED, alpha: float = ALPHA) -> float:
    """The boundary after so many positives, in standard errors to either side.

    The normal mixture boundary of Robbins ("Statistical methods related to the law of the iterated
    logarithm", Annals of Mathematical Statistics 41, 1970), as in Howard, Ramdas, McAuliffe &
    Sekhon ("Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics
    49, 2021): with t the information and r a constant, a process without drift passes sqrt((1 +
    r/t) log((t + r) / (r a^2))) standard errors, at any time, with probability at most a. Here a is
    2 `alpha`, so `alpha` bounds the probability of a wrong "better", and of a wrong "worse".
    Information is counted in positives, and r makes the boundary roughly tightest at `planned`
    positives, which must not depend on the data. For estimates that are normal only asymptotically,
    as metrics are, it holds asymptotically (Waudby-Smith et al., "Time-uniform central limit theory
    and asymptotic confidence sequences", Annals of Statistics 52, 2024).
    """
    both = 2 * alpha
    r = planned / (-2 * math.log(both) + math.log(1 - 2 * math.log(both)))
    return math.sqrt((1 + r / positives) * math.log((positives + r) / (r * both**2)))


def decide(
    looks: Sequence[Look],
    *,
    lower_is_better: bool = False,
    planned: int = PLANNED,
    alpha: float = ALPHA,
    minimum_positives: int = MINIMUM_POSITIVES,
) -> Finding:
    """The verdict of all looks, the oldest first: the first look to cross the boundary decides.

    Looks with fewer than `minimum_positives` decide nothing; if there are no others, the verdict is
    "insufficient". Until a look crosses the boundary it is "no difference shown".
    """
    last: Interval | None = None
    for number, look in enumerate(looks):
        if look.positives < minimum_positives:
            continue
        half_width = boundary(look.positives, planned, alpha) * look.standard_error
        low, high = look.difference - half_width, look.difference + half_width
        last = Interval(value=look.difference, low=low, high=high, level=1 - 2 * alpha)
        if not low <= 0 <= high:
            return Finding("better" if (low > 0) != lower_is_better else "worse", number, last)
    return Finding("insufficient" if last is None else "no difference shown", None, last)
