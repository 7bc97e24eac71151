import numpy as np
import pytest

from lakehouse.evaluation.stability import alerts_kept, rank_agreement

RANDOM = np.random.default_rng(3)


def test_rank_agreement_is_spearmans_correlation():
    from scipy.stats import spearmanr

    ours, theirs = np.round(RANDOM.random((2, 500)), 1)
    theirs = np.round(ours + theirs, 1)
    assert rank_agreement(ours, theirs) == pytest.approx(spearmanr(ours, theirs).statistic)
    assert rank_agreement(ours, -ours) == pytest.approx(-1)
    assert rank_agreement(ours, np.zeros(500)) is None
    assert rank_agreement(ours[:1], theirs[:1]) is None


def test_alerts_kept_are_those_of_each_day_that_both_raise():
    day = np.repeat([1, 2], 4)
    ours = np.array([4, 3, 2, 1, 4, 3, 2, 1.0])
    theirs = np.array([4, 1, 2, 3, 1, 2, 3, 4.0])
    assert alerts_kept(day, ours, theirs, 2) == 1 / 4  # only the first of four alerts
    assert alerts_kept(day, ours, ours, 2) == 1
    assert alerts_kept(day, ours, theirs, 9) == 1
    assert alerts_kept(day[:0], ours[:0], ours[:0], 2) is None
