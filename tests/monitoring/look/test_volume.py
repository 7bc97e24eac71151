from datetime import date, timedelta

import numpy as np
import pytest

from lakehouse.monitoring.look.drift import Days
from lakehouse.monitoring.look.volume import WEEKS, judge_volume, volume_findings

MONDAY = date(2026, 3, 2)
WEEK = [100, 110, 120, 130, 200, 300, 250]


def volumes_of(last, factor=3.0, weeks=WEEKS, week=WEEK):
    """The verdicts on a week's first days, after ordinary weeks."""
    counts = [0] * 7 * (WEEKS - weeks) + week * weeks + last
    days = Days(MONDAY, MONDAY + timedelta(days=len(last)))
    return judge_volume(counts, days, factor)


def verdicts(volumes, detector):
    return [found.passed for found in volume_findings(detector(), volumes)]


def test_a_day_is_compared_with_the_same_weekday(detector):
    volumes = volumes_of(WEEK)
    assert [one.expected for one in volumes] == WEEK
    assert verdicts(volumes, detector) == [True] * 7
    sunday_on_monday = volumes_of([250, 110])
    assert sunday_on_monday[0].high == pytest.approx(300)


@pytest.mark.parametrize(("rows", "passed"), [(34, True), (33, False), (300, True), (301, False)])
def test_the_factor_limits_both_sides(detector, rows, passed):
    (found,) = volume_findings(detector(), volumes_of([rows]))
    assert found.passed == passed
    assert found.value == rows
    assert ("2026-03-02" in found.cause) != passed


def test_a_day_without_rows_is_an_error(detector):
    (found,) = volume_findings(detector(), volumes_of([0]))
    assert (found.passed, found.severity) == (False, "error")


def test_one_unusual_week_does_not_move_the_expectation(detector):
    counts = WEEK * 5 + [rows * 50 for rows in WEEK] + [100]
    (one,) = judge_volume(counts, Days(MONDAY, MONDAY + timedelta(days=1)), 3.0)
    assert one.expected == 100


def test_small_counts_within_chance_raise_no_alarm(detector):
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(200):
        counts = random.poisson(5, 7 * WEEKS + 30).tolist()
        days = Days(MONDAY, MONDAY + timedelta(days=30))
        verdicts = volume_findings(detector(), judge_volume(counts, days, 3.0))
        alarms += sum(not found.passed for found in verdicts)
    assert alarms / 200 < 0.5


def test_before_two_weeks_there_is_no_verdict(detector):
    assert volumes_of([5], weeks=1)[0].expected is None
    assert volume_findings(detector(), volumes_of([5], weeks=1)) == []
    assert volumes_of([5], weeks=2)[0].expected == 100
