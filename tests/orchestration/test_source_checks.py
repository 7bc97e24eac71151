"""The results of a source's checks, without a graph."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.orchestration.components.source_checks import DEFAULT_AGE, check_age
from tests.sources.conftest import make_spec

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("age", "passed"),
    [
        (timedelta(), True),
        (DEFAULT_AGE, True),
        (DEFAULT_AGE + MOMENT, False),
        (-MOMENT, False),
        (timedelta(days=-65_000), False),
        (None, False),
    ],
)
def test_data_from_the_future_are_not_fresh(age: timedelta | None, passed: bool) -> None:
    seal = None if age is None else (NOW - age).replace(tzinfo=None)
    result = check_age(make_spec(), seal, NOW)
    assert result.passed == passed
    ahead = age is not None and age < timedelta()
    assert ("ahead of the clock" in (result.description or "")) == ahead
