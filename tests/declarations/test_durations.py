from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.declarations.durations import DurationError, format_duration, parse_duration


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
