"""Sensitivity to capacity, against counting in plain Python."""

import numpy as np
import pytest

from lakehouse.evaluation.capacity_curve import Money, compute_capacity_curve
from lakehouse.evaluation.resampling import Resampling


def world(seed=0, rows=1000, days=10):
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.03
    score = np.round(random.random(rows) * 0.5 + truth * random.random(rows) * 0.5, 2)
    day, card = random.integers(100, 100 + days, rows), random.integers(0, 300, rows)
    amount = random.integers(100, 50_000, rows)
    return day, truth, score, amount, card


def plain(day, truth, score, amount, alerts):
    """Alerts, hits and cents caught when each day's `alerts` highest scores are reviewed."""
    alarms = hits = caught = 0
    for today in sorted(set(day.tolist())):
        rows = [i for i in range(len(day)) if day[i] == today]
        for i in sorted(rows, key=lambda i: (-score[i], i))[:alerts]:
            alarms += 1
            hits += int(truth[i])
            caught += int(amount[i]) * int(truth[i])
    return alarms, hits, caught


def test_every_point_matches_plain_counting_to_the_cent():
    day, truth, score, amount, card = world()
    money = Money(amount, alert_costs=500, unit="euro", scale=2)
    found = compute_capacity_curve(
        day, truth, score, 8, Resampling.of(len(day), card, repeats=30), money
    )
    assert [point.alerts for point in found.points] == [2, 4, 8, 16, 32]
    for point in found.points:
        alarms, hits, caught = plain(day, truth, score, amount, point.alerts)
        assert point.precision == pytest.approx(hits / alarms)
        assert point.recall.value == pytest.approx(hits / truth.sum())
        assert point.recall.low <= point.recall.value <= point.recall.high
        assert point.caught == caught
        assert point.caught_share.value == pytest.approx(caught / amount[truth].sum())
        assert point.net == caught - 500 * alarms
    assert (found.total, found.days, found.declared) == (amount[truth].sum(), 10, 8)


def test_the_peak_is_the_capacity_with_the_highest_net_value():
    day, truth, score, amount, _ = world()
    for costs in (200, 2_000, 10_000):
        money = Money(amount, costs, "euro", 2)
        found = compute_capacity_curve(day, truth, score, 8, Resampling.of(len(day)), money)
        nets = {}
        for alerts in range(1, 65):
            alarms, _, caught = plain(day, truth, score, amount, alerts)
            nets[alerts] = caught - costs * alarms
        assert found.peak == max(nets, key=lambda k: (nets[k], -k))


def test_alerts_that_never_pay_or_always_pay_have_no_peak():
    day, truth, score, amount, _ = world()
    never = Money(amount, 10**9, "euro", 2)
    always = Money(amount, 0, "euro", 2)
    for money in (never, always):
        score_up = np.where(truth, 0.0, score) if money is always else score
        found = compute_capacity_curve(day, truth, score_up, 2, Resampling.of(len(day)), money)
        assert found.peak is None


def test_without_money_positives_or_rows_nothing_is_invented():
    day, truth, score, _, _ = world()
    found = compute_capacity_curve(day, truth, score, 8, Resampling.of(len(day), repeats=20))
    assert {point.caught for point in found.points} == {None}
    assert (found.peak, found.total, found.alert_costs) == (None, None, None)
    none = compute_capacity_curve(day, np.zeros(len(day), bool), score, 8, Resampling.of(len(day)))
    assert {point.recall for point in none.points} == {None}
    assert none.curve == ()
    assert compute_capacity_curve(day[:0], truth[:0], score[:0], 8, Resampling.of(0)) is None
