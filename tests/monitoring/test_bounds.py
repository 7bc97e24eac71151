import numpy as np
import pytest
from scipy import stats

from lakehouse.monitoring import bounds, distance
from lakehouse.training.spec import Watch

NONE = np.full(3, np.nan)


def test_a_proposal_is_the_prediction_interval_of_the_roots():
    history = np.array([0.3, 0.5, 0.4, 0.35, np.nan, 0.6])
    roots = np.sqrt(history[~np.isnan(history)])
    interval = stats.t(4, roots.mean(), roots.std(ddof=1) * np.sqrt(1 + 1 / 5))
    expected = interval.ppf(1 - bounds.ALPHA / 20) ** 2
    assert bounds.propose(history, 20, 0.1) == pytest.approx(expected)


def test_a_proposal_grows_with_the_number_of_features():
    history = np.array([0.3, 0.5, 0.4, 0.35])
    found = [bounds.propose(history, columns, 0.1) for columns in (1, 10, 60)]
    assert found == sorted(set(found))


def test_a_quiet_history_does_not_make_a_nervous_bound():
    assert bounds.propose(np.full(8, 0.001), 30, 0.1) == 0.1


@pytest.mark.parametrize("history", [[], [0.01], [0.01, 0.02, np.nan]])
def test_too_short_a_history_proposes_the_textbook_bound(history):
    assert bounds.propose(np.array(history), 30, 0.1) == 0.25


def test_a_declared_bound_holds_for_one_feature_and_is_widened_for_more():
    assert bounds.widened(0.2, 1) == pytest.approx(0.2)
    assert 0.2 < bounds.widened(0.2, 10) < bounds.widened(0.2, 60) < 0.4


def test_what_is_declared_comes_before_what_is_proposed():
    high = np.full(8, 2.0)
    found = bounds.feature_bounds(Watch(psi=0.2, missing=0.1), 30, high, high, NONE)
    assert found.psi == bounds.widened(0.2, 30)
    assert found.missing == bounds.widened(0.1, 30)
    proposed = bounds.feature_bounds(Watch(), 30, high, high, NONE)
    assert proposed.psi == pytest.approx(2.0)
    assert proposed.missing == pytest.approx(2.0)
    assert bounds.output_bounds(Watch(score_psi=0.3), 1, high).psi == pytest.approx(0.3)
    assert bounds.output_bounds(Watch(), 1, high).psi == pytest.approx(2.0)


@pytest.mark.parametrize("rows", [100, 400, 5000])
def test_chance_alone_seldom_goes_beyond_the_noise(rows):
    random = np.random.default_rng(rows)
    p = random.dirichlet(np.full(20, 3.0))
    pad = [0, 0]
    reference = np.append(pad, random.multinomial(100_000, p))
    current = random.multinomial(rows, p, size=4000)
    psi = distance.psi(reference, np.hstack([np.zeros((4000, 2), dtype=int), current]))
    bound = bounds.noise(reference, np.array([rows]), columns=1)
    beyond = (psi > bound).mean()
    assert 0 < beyond < 2.5 * bounds.ALPHA
