"""Years of looks at two versions: how often equal versions get a verdict, stretch by stretch."""

import numpy as np
import pytest

from lakehouse.evaluation.sequential import Look, decide
from lakehouse.monitoring.review.comparisons import STRETCH_LENGTH

STRETCH = STRETCH_LENGTH.days
PER_DAY = 8
"""Positives."""


def year(random, drift=0.0, stretches=4):
    """The verdicts at the ends of successive stretches of daily looks at equals, or with a drift.

    `drift` is in standard errors of a whole stretch.
    """
    verdicts = []
    for _ in range(stretches):
        steps = random.normal(drift / STRETCH**0.5, 1, STRETCH).cumsum()
        days = np.arange(1, STRETCH + 1)
        looks = [
            Look(int(PER_DAY * day), total / day, 1 / day**0.5)
            for day, total in zip(days, steps, strict=True)
        ]
        verdicts.append(decide(looks).verdict)
    return verdicts


def shares(years):
    random = np.random.default_rng(4)
    found = [year(random) for _ in range(years)]
    stretches = [verdict for one in found for verdict in one]
    return {
        "a stretch": stretches.count("better") / len(stretches),
        "a year": np.mean(["better" in one for one in found]),
    }


def test_equal_versions_are_called_better_in_less_than_one_stretch_in_forty():
    assert shares(50)["a stretch"] <= 0.025


@pytest.mark.slow
def test_the_error_rate_holds_per_stretch_so_a_year_of_four_has_up_to_four_times_it():
    found = shares(1000)
    print({name: f"{100 * share:.2f} %" for name, share in found.items()})
    assert found["a stretch"] <= 0.025
    assert found["a stretch"] <= found["a year"] <= 4 * 0.025


def test_a_difference_is_found_in_every_stretch_and_so_is_its_reversal():
    random = np.random.default_rng(5)
    before, after = year(random, 8.0, stretches=2), year(random, -8.0, stretches=2)
    assert before + after == ["better", "better", "worse", "worse"]
