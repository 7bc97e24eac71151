"""One wrong year in a file's name holds back nothing; old history is always accepted."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.sources import pending_files

from .conftest import Harness, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def land(harness: Harness, seal: datetime, source: str = "payments") -> str:
    name = file_name(seal)
    row = payment(seal.toordinal(), seal_of(0))  # files with the same bytes are loaded once
    harness.land(name, json_lines(row), source)
    return name


def test_a_typo_in_the_year_is_refused_and_the_reason_shows_how_to_allow_it(
    harness: Harness,
) -> None:
    land(harness, seal_of(0))
    harness.load(make_spec(), now=lambda: NOON)
    typo = land(harness, seal_of(1).replace(year=2206))
    next_year = land(harness, seal_of(1).replace(year=2027))

    report = harness.load(make_spec(), now=lambda: NOON)

    assert list(report.quarantined_files) == [next_year, typo]
    assert "seal_pattern: {furthest: " in report.quarantined_files[typo]
    assert report.seal == seal_of(0)
    assert harness.query("SELECT seal FROM ops.progress") == [(seal_of(0),)]
    assert harness.load(make_spec(), now=lambda: NOON).quarantined_files == {}
    land(harness, seal_of(1))
    assert harness.load(make_spec(), now=lambda: NOON).seal == seal_of(1)


@pytest.mark.parametrize(("ahead", "allowed"), [(YEAR - timedelta(seconds=1), True), (YEAR, False)])
def test_the_limit_is_compared_with_the_newest_of_all_inputs(
    harness: Harness, ahead: timedelta, allowed: bool
) -> None:
    land(harness, seal_of(0))
    land(harness, seal_of(9), "refunds")
    for name in ("payments", "refunds"):
        harness.load(make_spec(name=name), now=lambda: NOON)
    land(harness, seal_of(9) + ahead)

    clock = datetime(2300, 1, 1, tzinfo=UTC)  # a clock alone allows nothing
    report = harness.load(make_spec(), now=lambda: clock)

    assert bool(report.files) == allowed


def test_the_first_file_is_compared_with_the_current_time(harness: Harness) -> None:
    land(harness, datetime(2206, 5, 1))
    assert harness.load(make_spec(), now=lambda: NOON).files == []
    land(harness, seal_of(0))
    assert harness.load(make_spec(), now=lambda: NOON).files == [file_name(seal_of(0))]


def test_a_first_backfill_of_old_history_is_allowed_with_gaps_of_years(harness: Harness) -> None:
    land(harness, datetime(2009, 1, 1), "refunds")
    harness.load(make_spec(name="refunds"), now=lambda: NOON)
    for year in (1999, 2003, 2019, 2026):
        land(harness, datetime(year, 5, 1))

    report = harness.load(make_spec(), now=lambda: NOON)

    assert (len(report.files), report.seal) == (4, datetime(2026, 5, 1))


def test_a_refused_file_is_loaded_once_it_is_allowed(harness: Harness) -> None:
    land(harness, seal_of(0))
    far = land(harness, seal_of(0) + 2 * YEAR)
    harness.load(make_spec(), now=lambda: NOON)
    wider = make_spec(seal_pattern={"furthest": "731d"})
    assert pending_files(make_spec(), harness.lake, harness.settings) == []
    assert [f.name for f in pending_files(wider, harness.lake, harness.settings)] == [far]

    assert harness.load(wider).files == [far]
    assert harness.load(wider).files == []
