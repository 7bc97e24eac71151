"""The distribution of a distance while nothing changes, checked on windows of unseen days."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from lakehouse.models import Split
from lakehouse.monitoring.look.cells import text_cells
from lakehouse.monitoring.look.chance import draw_windows
from lakehouse.monitoring.look.reference import Periods, make_reference

PER_DAY = 1000


def shares(counts):
    """The squared difference of the second slot's share from a half."""
    return (counts[..., 1] / counts.sum(axis=-1) - 0.5) ** 2


def days_of(random, days, weekday=0.0, spread=0.1):
    """Rows of two slots, (days, 2), with a share that differs from day to day."""
    share = 0.5 + spread * random.normal(size=days) + weekday * (np.arange(days) % 7 == 6)
    ones = random.binomial(PER_DAY, np.clip(share, 0, 1))
    return np.stack([PER_DAY - ones, ones], axis=1)


def test_one_window_in_a_hundred_exceeds_the_bound_from_varying_days():
    """Rows alone would allow a difference of .03, which every second window exceeds."""
    beyond = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        distribution = draw_windows(days_of(random, 98), np.zeros(98), 7).distribution(shares)
        later = days_of(random, 7 * 200).reshape(200, 7, 2).sum(axis=1)
        beyond.append((shares(later) > distribution.upper_quantile(0.01)).mean())
    assert 0.003 < np.mean(beyond) < 0.02
    assert distribution.directions == pytest.approx(1, abs=0.5)


def test_weekday_effects_count_as_chance_except_for_windows_of_whole_weeks():
    counts = days_of(np.random.default_rng(1), 98, weekday=0.3, spread=0.01)
    week, day = (draw_windows(counts, np.zeros(98), window) for window in (7, 1))
    centred = counts.sum(axis=0)[1] / counts.sum()
    assert week.distribution(lambda w: (w[..., 1] / w.sum(-1) - centred) ** 2).mean < 0.001
    assert day.distribution(lambda w: (w[..., 1] / w.sum(-1) - centred) ** 2).mean > 0.005


def test_autocorrelated_days_widen_the_distribution():
    random = np.random.default_rng(2)
    slow = np.repeat(days_of(random, 14), 7, axis=0)
    shuffled = slow[random.permutation(98)]
    autocorrelated, independent = (
        draw_windows(one, np.zeros(98), 7).distribution(shares) for one in (slow, shuffled)
    )
    assert autocorrelated.mean > 2 * independent.mean


def test_windows_never_reach_from_one_period_into_another():
    counts = days_of(np.random.default_rng(3), 28)
    drawn = draw_windows(counts, np.repeat([0, 1], 14), 7)
    assert len(drawn.successive) == 2 * 8


@pytest.mark.parametrize("days", [0, 1, 20])
def test_fewer_days_than_three_windows_have_no_distribution(days):
    counts = days_of(np.random.default_rng(4), days)
    assert draw_windows(counts, np.zeros(days), 7) is None


def test_a_figure_that_never_varies_has_a_quantile_of_zero():
    counts = np.tile([[10, 10]], (28, 1))
    distribution = draw_windows(counts, np.zeros(28), 7).distribution(shares)
    assert (distribution.mean, distribution.upper_quantile(0.001)) == (0.0, 0.0)


def test_draws_are_reproducible():
    counts = days_of(np.random.default_rng(5), 98)
    one, other = (draw_windows(counts, np.zeros(98), 7).distribution(shares) for _ in range(2))
    assert one == other


def test_days_of_a_training_set_lie_in_its_periods_and_older_ones_count_for_the_reference_alone():
    start = datetime(2024, 1, 1)
    ends = [start + timedelta(days=day) for day in (0, 470, 480, 490, 497, 504)]
    periods = Periods.of(Split(*ends, cutoff=ends[-1]))
    assert len(periods.period) == 400
    assert np.bincount(periods.period + 1).tolist() == [17, 366, 10, 7], "two gaps, three periods"
    assert periods.place(np.array([start, ends[-1]], dtype="datetime64[us]") - 1).tolist() == [
        0,
        400,
    ]
    cells = text_cells(["a", "b"])
    counts = np.ones((401, cells.slots), dtype=np.int64)
    counts[0] = 104
    reference = make_reference("feature", "x", cells, counts, periods, window=7)
    assert reference.counts.tolist() == [470] * cells.slots
