import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.models.threshold import (
    Cut,
    break_ties,
    by_unit,
    cut_at,
    first_threshold,
    trailing_threshold,
)


def rows(seed, count=400, days=6, units=40):
    random = np.random.default_rng(seed)
    return (
        random.permutation(count) / count,
        random.integers(100, 100 + days, count),
        random.integers(0, units, count),
        random.random(count) < 0.1,
    )


@given(seed=st.integers(0, 1000), alerts=st.integers(1, 20))
def test_the_threshold_flags_the_declared_rows_a_day_on_its_own_rows(seed, alerts):
    score, day, _, _ = rows(seed)
    cut = trailing_threshold(score, day, alerts)
    assert cut.ties == 1
    assert (score >= cut.threshold).sum() == alerts * len(np.unique(day))


@given(seed=st.integers(0, 1000), alerts=st.integers(1, 8))
def test_the_threshold_flags_the_declared_units_a_day(seed, alerts):
    score, day, unit, _ = rows(seed)
    flagged = score >= trailing_threshold(score, day, alerts, unit=unit).threshold
    alerted = {*zip(day[flagged].tolist(), unit[flagged].tolist(), strict=True)}
    assert len(alerted) == alerts * len(np.unique(day))


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), removed=st.booleans())
def test_units_are_the_best_rows_of_each_day_as_in_a_plain_loop(seed, removed):
    score, day, unit, truth = rows(seed)
    expected = {}
    for i in range(len(score)):
        known = {u for u, d, t in zip(unit, day, truth, strict=True) if t and d < day[i]}
        if removed and unit[i] in known:
            continue
        best, hit = expected.get((day[i], unit[i]), (i, False))
        expected[day[i], unit[i]] = (max(best, i, key=lambda j: score[j]), hit or truth[i])
    found = by_unit(score, day, unit, truth, known_removed=removed)
    assert [*zip(found.period, unit[found.row], strict=True)] == sorted(expected)
    assert {
        (d, unit[r]): (r, t) for d, r, t in zip(found.period, found.row, found.truth, strict=True)
    } == expected
    assert (found.score == score[found.row]).all()


def test_the_first_threshold_counts_rows_or_units_as_declared(detector):
    score, day, unit, truth = rows(1)
    label = truth.astype(float)

    def threshold(**capacity):
        spec = detector(capacity={"alerts": 3, **capacity})
        return first_threshold(spec, score, day, unit, label)

    assert threshold() == trailing_threshold(score, day, 3)
    assert threshold(unit="customer_id") == trailing_threshold(score, day, 3, unit=unit)
    by_row = threshold().threshold
    assert threshold(unit="customer_id").threshold < by_row, "a unit's further rows take no place"
    fewer = threshold(unit="customer_id", known_removed=True)
    assert fewer == trailing_threshold(score, day, 3, unit=unit, truth=truth)
    room = threshold(unit="customer_id").threshold
    assert fewer.threshold < room, "known units leave room for others"


def test_capacity_is_used_fully_even_on_unlikely_rows(detector):
    label = np.r_[np.ones(10), np.zeros(90)]
    score = np.where(label > 0, 0.5, 0.02)  # two leaves: all others are tied
    spec = detector(capacity={"alerts": 50})
    cut = first_threshold(spec, score, np.zeros(100, dtype=int), None, label)
    assert cut == Cut(0.02, 40 / 90)
    spread = np.where(label > 0, 0.5, np.linspace(0.01, 0.09, 100))
    cut = first_threshold(spec, spread, np.zeros(100, dtype=int), None, label)
    assert (spread >= cut.threshold).sum() == 50


@given(scores=st.lists(st.integers(0, 9), min_size=1, max_size=50), target=st.integers(1, 60))
def test_the_requested_number_of_scores_or_all_of_them_pass_a_cut(scores, target):
    score = np.array(scores, dtype=float)
    cut = cut_at(score, np.ones(len(score)), target)
    passed = (score > cut.threshold).sum() + cut.ties * (score == cut.threshold).sum()
    assert passed == pytest.approx(min(target, len(scores)))
    assert cut.threshold in scores
    assert 0 < cut.ties <= 1
    values, times = np.unique(score, return_counts=True)
    assert cut_at(values, times.astype(float), target) == cut


def test_lots_decide_between_equal_scores_and_keep_the_order_of_others():
    score = np.repeat([0.9, 0.5, 0.1], [100, 40_000, 100])
    found = break_ties(score, 0.5, 0.3, seed=42)
    flagged = found >= 0.5
    assert flagged[:100].all()
    assert not flagged[-100:].any()
    assert flagged[100:-100].mean() == pytest.approx(0.3, abs=0.01)
    assert np.abs(found - score).max() < 1e-15
    assert (break_ties(score, 0.5, 1.0, 42) == score).all()
    more = break_ties(score, 0.5, 0.4, 42) >= 0.5
    assert (more >= flagged).all(), "who passes a share passes a larger one"


def test_the_cost_threshold_has_the_lowest_cost(detector):
    spec = detector(threshold={"rule": "cost", "false_alarm": 2, "missed": 30})
    random = np.random.default_rng(0)
    score = random.beta(1, 8, 200_000)
    label = (random.random(len(score)) < score).astype(float)

    def cost(threshold):
        flagged = score >= threshold
        return 2 * (flagged & (label == 0)).sum() + 30 * (~flagged & (label == 1)).sum()

    chosen = first_threshold(spec, score, np.zeros(len(score), dtype=int), None, label).threshold
    assert chosen == 2 / 32
    assert cost(chosen) <= 1.002 * min(cost(t) for t in np.linspace(0, 0.5, 101))


def test_fewer_rows_than_alerts_are_all_flagged_and_no_rows_are_an_error():
    assert trailing_threshold(np.array([0.3, 0.2]), np.array([1, 1]), 5) == Cut(0.2)
    with pytest.raises(ValueError, match="there are none"):
        trailing_threshold(np.array([]), np.array([]), 5)
