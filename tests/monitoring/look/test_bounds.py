import numpy as np
import pytest
from scipy import stats

from lakehouse.models.spec import Watch
from lakehouse.monitoring.look import bounds, distance
from lakehouse.monitoring.look.chance import Chance

WIDE = Chance(mean=1.0, deviation=2**0.5, directions=1.0, days=90.0)


def test_a_proposed_bound_is_exceeded_as_often_as_its_alpha():
    """The square of a normal estimate over its estimated variance is an F."""
    expected = stats.f(1, 90).ppf(1 - bounds.ALPHA / (3 * 20))
    assert bounds.propose(WIDE, 20, 0.1, 0.25) == pytest.approx(expected)


def test_a_proposed_bound_grows_with_the_number_of_features():
    found = [bounds.propose(WIDE, columns, 0.1, 0.25) for columns in (1, 10, 60)]
    assert found == sorted(set(found))


def test_quiet_days_do_not_lower_the_bound_below_its_minimum():
    quiet = Chance(mean=0.001, deviation=0.001, directions=2.0, days=90.0)
    assert bounds.propose(quiet, 30, 0.1, 0.25) == 0.1


def test_without_a_distribution_the_textbook_bound_is_proposed():
    found = bounds.feature_bounds(Watch(), 30, None, None, None)
    assert (found.psi, found.missing, found.unseen) == pytest.approx((0.25, 0.25, 0.25))


def test_a_declared_bound_holds_for_one_feature_and_is_widened_for_more():
    assert bounds.widen(0.2, 1) == pytest.approx(0.2)
    assert 0.2 < bounds.widen(0.2, 10) < bounds.widen(0.2, 60) < 0.4


def test_a_declared_bound_takes_precedence_over_a_proposed_one():
    found = bounds.feature_bounds(Watch(psi=0.2, missing=0.1), 30, WIDE, WIDE, None)
    assert found.psi == bounds.widen(0.2, 30)
    assert found.missing == bounds.widen(0.1, 30)
    proposed = bounds.feature_bounds(Watch(), 30, WIDE, WIDE, None)
    assert proposed.psi == pytest.approx(WIDE.upper_quantile(bounds.ALPHA / 90))
    assert proposed.missing == pytest.approx(proposed.psi**0.5), "a law is of the square"
    assert bounds.output_bounds(Watch(score_psi=0.3), 1, WIDE).psi == pytest.approx(0.3)
    assert bounds.output_bounds(Watch(), 1, WIDE).psi > 1


@pytest.mark.parametrize("rows", [100, 400, 5000])
def test_chance_alone_seldom_exceeds_the_noise(rows):
    random = np.random.default_rng(rows)
    p = random.dirichlet(np.full(20, 3.0))
    pad = [0, 0]
    reference = np.append(pad, random.multinomial(100_000, p))
    current = random.multinomial(rows, p, size=4000)
    psi = distance.psi(reference, np.hstack([np.zeros((4000, 2), dtype=int), current]))
    bound = bounds.noise(reference, np.array([rows]), columns=1)
    beyond = (psi > bound).mean()
    assert 0 < beyond < 2.5 * bounds.ALPHA
