"""How often the daily calibration check raises a false alarm, and how soon it finds an error.

Positives come in clusters: each card has its own frailty over its lifetime, so the outcomes of its
rows are correlated. The check runs daily for as long as a look reaches back.
"""

import numpy as np
import pytest

from lakehouse.evaluation.calibration_error import design_effect
from lakehouse.evaluation.resampling import Resampling
from lakehouse.models.spec import Watch
from lakehouse.monitoring.review.calibration import ALPHA, STRETCH_LENGTH, always_valid_interval

pytestmark = pytest.mark.slow

DAYS, PER_DAY, CARDS, LIFE = STRETCH_LENGTH.days, 60, 40, 15
FIRST = 9
"""The first look: 50 positives are expected by then."""


def first_alarm(seed, ratio):
    """The day of the first alarm with `ratio` times the expected positives, or None."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), PER_DAY)
    card = random.integers(0, CARDS, len(day)) + CARDS * (day // LIFE)
    frailty = random.gamma(2, 0.5, card.max() + 1)
    score = random.beta(1, 9, len(day))
    truth = random.random(len(day)) < np.minimum(1, ratio * score * frailty[card])
    factor = Watch().calibration
    for until in range(FIRST, DAYS + 1):
        rows = slice(0, until * PER_DAY)
        clusters = Resampling.of(until * PER_DAY, card[rows])
        effect = design_effect(truth[rows], score[rows], clusters)
        found = always_valid_interval(int(truth[rows].sum()), float(score[rows].sum()), effect)
        if found.low > factor or found.high < 1 / factor:
            return until
    return None


def alarms(ratio, repeats):
    return [first_alarm(seed, ratio) for seed in range(repeats)]


@pytest.mark.parametrize("ratio", [1.0, 1.25, 0.8])
def test_ninety_daily_looks_raise_no_more_false_alarms_than_one_may(ratio):
    """Includes errors exactly at the tolerated factor, which is the worst case."""
    repeats = 200
    count = sum(day is not None for day in alarms(ratio, repeats))
    print(
        f"observed over expected {ratio}: {count / repeats:.1%} of {repeats} raised an alarm "
        "within 90 days"
    )
    assert count / repeats <= ALPHA + 2 * (ALPHA * (1 - ALPHA) / repeats) ** 0.5


@pytest.mark.parametrize(("ratio", "days"), [(2.0, 45), (0.4, 60)])
def test_half_or_twice_the_positives_are_found_within_weeks(ratio, days):
    found = [day or DAYS + 1 for day in alarms(ratio, 60)]
    share = np.mean(np.array(found) <= days)
    median = np.median(found)
    print(f"observed over expected {ratio}: by day {median:.0f} (median), {share:.0%} by {days}")
    assert share >= 0.9
