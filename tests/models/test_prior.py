"""The prior's shift: full with many positives, small with few, and it keeps the order."""

import numpy as np
import pytest

from lakehouse.models.prior import PRIOR_DEVIATION, prior_shift, shift_odds


def rows(count, factor, seed=0):
    """Scores, and labels whose odds are `factor` times as high; each row is its own cluster."""
    random = np.random.default_rng(seed)
    score = random.beta(1, 60, count)
    odds = factor * score / (1 - score)
    truth = random.random(count) < odds / (1 + odds)
    return score, truth, (np.arange(count),)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_many_positives_move_the_prior_all_the_way(factor):
    score, truth, clusters = rows(400_000, factor)
    assert prior_shift(score, truth, clusters) == pytest.approx(np.log(factor), abs=0.03)


def test_the_shift_is_the_posterior_mean_of_a_gamma_prior():
    score, truth, clusters = rows(1_000, 2.0)
    shift = prior_shift(score, truth, clusters)
    expected, observed = score.sum(), truth.sum()
    residual = truth - observed / expected * score
    effect = max((residual**2).sum() / observed, (score * (1 - score)).sum() / expected)
    prior = 1 / PRIOR_DEVIATION**2
    ratio = (prior + observed / effect) / (prior + expected / effect)
    assert shift_odds(score, shift).sum() / expected == pytest.approx(ratio, rel=1e-6)
    assert 0 < shift < np.log(observed / expected)


def test_positives_of_few_cards_shift_the_prior_less_than_those_of_many_cards():
    score, truth, one_each = rows(20_000, 1.6)
    together = (np.arange(20_000) // 400,)
    truth = np.sort(truth.reshape(-1, 400), axis=0).ravel()  # concentrated in some clusters
    lumped = np.zeros(20_000, dtype=bool)
    lumped[: truth.sum()] = True
    assert abs(prior_shift(score, lumped, together)) < abs(prior_shift(score, lumped, one_each)) / 2


def test_rows_without_information_shift_nothing_and_rows_without_positives_are_accepted():
    none = np.empty(0)
    assert prior_shift(none, none > 0, (none.astype(int),)) == 0
    score, truth, clusters = rows(3_000, 1.0)
    down = prior_shift(score, np.zeros_like(truth), clusters)
    assert -3 < down < -1
    moved = shift_odds(score, down)
    assert (np.argsort(moved, kind="stable") == np.argsort(score, kind="stable")).all()
    assert ((moved > 0) & (moved < 1)).all()
