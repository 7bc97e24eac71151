"""Days and weeks of alerts, against Python's calendar and DuckDB's."""

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.evaluation.periods import DAY, PERIODS, WEEK, find_period

days = st.dates(date(1960, 1, 1), date(2060, 1, 1))


def number(day):
    return (day - date(1970, 1, 1)).days


@given(one=days, other=days)
def test_days_share_a_week_exactly_if_the_calendar_says_so(one, other):
    a, b = WEEK.of(np.array([number(one), number(other)]))
    assert (a == b) == (one.isocalendar()[:2] == other.isocalendar()[:2])
    assert (a < b) == (one.isocalendar()[:2] < other.isocalendar()[:2])


@given(day=days)
def test_a_week_begins_on_its_monday_and_a_day_on_itself(day):
    assert DAY.floor(day) == DAY.ceil(day) == day
    assert WEEK.floor(day).weekday() == WEEK.ceil(day).weekday() == 0
    assert timedelta() <= day - WEEK.floor(day) < WEEK.length
    assert timedelta() <= WEEK.ceil(day) - day < WEEK.length
    midnight = datetime.combine(day, datetime.min.time())
    assert WEEK.floor(midnight).date() == WEEK.floor(day)


def test_sql_and_numpy_agree_on_where_periods_begin():
    moments = [datetime(2025, 12, 20) + timedelta(hours=7 * n) for n in range(120)]
    for period in PERIODS:
        for moment in moments:
            query = f"SELECT {period.start_sql('?::TIMESTAMP')}"
            (start,) = duckdb.execute(query, [moment]).fetchone()
            assert start.date() == period.floor(moment.date())


def test_days_are_numbered_as_before():
    numbers = np.arange(5)
    assert find_period("day").of(numbers) is numbers
