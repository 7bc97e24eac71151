"""Looking at a comparison again whenever more labels have matured, without crying wolf.

A 95 % interval is good for one look: thirty looks at growing data turn 2.5 % false alarms into 14.
The boundary here holds for all looks together, however many and whenever they are made, so nobody
need know how long a champion will serve (a spending function would, and ends when all is spent).
No state is kept: the table of looks says everything.
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
    """What the looks say together, and at which of them (from 0) it was decided.

    `difference` is of that look, or of the last if nothing is decided, and holds for all looks.
    """

    verdict: Verdict
    look: int | None
    difference: Interval | None


def boundary(positives: int, planned: int = PLANNED, alpha: float = ALPHA) -> float:
    """How many standard errors a difference may reach after so many positives, to either side.

    The normal mixture boundary of Robbins ("Statistical methods related to the law of the iterated
    logarithm", Annals of Mathematical Statistics 41, 1970), as in Howard, Ramdas, McAuliffe &
    Sekhon ("Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics
    49, 2021): with t the information and r a constant, a process without drift passes
    sqrt((1 + r/t) log((t + r) / (r a^2))) standard errors, at any time ever, with probability at
    most a. Here a is 2 `alpha`, so `alpha` is the chance to be called better, or worse, wrongly.
    Information is counted in positives, and r makes the boundary about tightest at `planned` ones,
    which must not depend on what is seen. For estimates that are normal only asymptotically, as
    metrics are, it holds asymptotically (Waudby-Smith et al., "Time-uniform central limit theory
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
    """The verdict of all looks, the oldest first: the first to cross the boundary decides.

    Looks with fewer than `minimum_positives` decide nothing; if there are no others, the verdict
    is "insufficient". It is "no difference shown" as long as nothing was crossed.
    """
    last: Interval | None = None
    for number, look in enumerate(looks):
        if look.positives < minimum_positives:
            continue
        reach = boundary(look.positives, planned, alpha) * look.standard_error
        low, high = look.difference - reach, look.difference + reach
        last = Interval(value=look.difference, low=low, high=high, level=1 - 2 * alpha)
        if not low <= 0 <= high:
            return Finding("better" if (low > 0) != lower_is_better else "worse", number, last)
    return Finding("insufficient" if last is None else "no difference shown", None, last)
