import calendar
from datetime import datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lakehouse.declarations.durations import (
    DurationError,
    Months,
    Period,
    format_duration,
    format_period,
    longest,
    parse_duration,
    parse_period,
)

PERIOD: TypeAdapter[timedelta | Months] = TypeAdapter(Period)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_a_formatted_duration_parses_to_the_same_duration(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "hours"), [("7d", 168), ("36h", 36), ("1d12h", 36), ("90m", 1.5), ("0s", 0)]
)
def test_durations_are_parsed(text: str, hours: float) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "7", "d", "7 d", "7w", "-1d", "1d-2h", "7dd"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(DurationError, match="7d, 36h"):
        parse_duration(text)


@given(st.builds(Months, st.integers(0, 999)) | st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_a_period_that_is_written_is_read_back(period: timedelta | Months) -> None:
    assert parse_period(format_period(period)) == period
    assert PERIOD.validate_json(PERIOD.dump_json(period)) == period
    assert PERIOD.validate_python(period) == period


@pytest.mark.parametrize("text", ["mo", "1mo1d", "1d1mo", "-1mo", "1 mo", "1.5mo", "1000mo", "1M"])
def test_months_are_not_combined_with_anything(text: str) -> None:
    with pytest.raises(DurationError, match="1mo, and not combined with other units"):
        parse_period(text)
    with pytest.raises(ValidationError, match="not a duration"):
        PERIOD.validate_python(text)


def test_a_duration_refuses_months() -> None:
    with pytest.raises(DurationError, match="'1mo' is not a duration"):
        parse_duration("1mo")


@given(time=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), count=st.integers(0, 240))
@settings(max_examples=200)
def test_months_follow_the_calendar_as_in_duckdb(time: datetime, count: int) -> None:
    """The reference goes month by month."""
    earlier, later = (time.year, time.month), (time.year, time.month)
    for _ in range(count):
        earlier = (earlier[0], earlier[1] - 1) if earlier[1] > 1 else (earlier[0] - 1, 12)
        later = (later[0], later[1] + 1) if later[1] < 12 else (later[0] + 1, 1)
    expected = [
        time.replace(year=year, month=month, day=min(time.day, calendar.monthrange(year, month)[1]))
        for year, month in (earlier, later)
    ]
    assert [Months(count).before(time), Months(count).after(time)] == expected
    query = "SELECT t - to_months(n), t + to_months(n) FROM (SELECT ?::TIMESTAMP AS t, ?::INT AS n)"
    assert [*duckdb.execute(query, [time, count]).fetchall()[0]] == expected
    assert all(abs(time - moved) <= longest(Months(count)) for moved in expected)
