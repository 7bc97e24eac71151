"""How far a moving average strays in a year of looks, verified with simulated moving averages."""

import numpy as np
import pytest

from lakehouse.evaluation.scan import shortfall_bound

WINDOW, YEAR = 28, 364


def largest_shortfalls(years, reference_error=0.0):
    """How far the mean of the last 28 days, of variance 1, falls below its reference in a year."""
    random = np.random.default_rng(2)
    steps = random.normal(size=(years, WINDOW + YEAR)).cumsum(axis=1)
    means = (steps[:, WINDOW:] - steps[:, :-WINDOW]) / WINDOW**0.5
    return (reference_error * random.normal(size=years)) - means.min(axis=1)


@pytest.mark.parametrize("reference_error", [0.0, 0.7, 2.0])
def test_the_bound_is_exceeded_in_one_year_of_twenty(reference_error):
    bound = shortfall_bound(1.0, reference_error, 0.05, YEAR / WINDOW)
    exceeded = (largest_shortfalls(4000, reference_error) > bound).mean()
    assert 0.025 < exceeded <= 0.06


def test_the_bound_for_a_single_look_is_exceeded_in_most_years():
    assert (largest_shortfalls(1000) > 1.96).mean() > 0.5


def test_the_bound_is_in_the_unit_of_the_errors():
    assert shortfall_bound(0.02, 0.01, 0.05, 13) == pytest.approx(
        0.02 * shortfall_bound(1.0, 0.5, 0.05, 13), rel=1e-6
    )


def test_the_error_of_the_reference_counts_once_and_not_at_every_look():
    alone, both = shortfall_bound(1.0, 0.0, 0.05, 13), shortfall_bound(1.0, 1.0, 0.05, 13)
    assert alone < both < 2**0.5 * alone
    assert shortfall_bound(0.0, 1.0, 0.05, 13) == pytest.approx(1.645, abs=0.001)
