"""When the sensor requests a source again."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.orchestration.sensors import RETRY_AFTER_SECONDS, _is_due

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "requested"),
    [(0, False), (RETRY_AFTER_SECONDS - 1, False), (RETRY_AFTER_SECONDS, True), (-3600, True)],
    ids=["just now", "a moment ago", "long ago", "by a clock that was ahead"],
)
def test_an_unchanged_source_is_requested_again_only_after_a_while(
    seconds: int, requested: bool
) -> None:
    last = {"news": "1 new file", "at": (NOON - timedelta(seconds=seconds)).isoformat()}
    assert _is_due(last, "1 new file", NOON) is requested
    assert _is_due(last, "2 new files", NOON)
