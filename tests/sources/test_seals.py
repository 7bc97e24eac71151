"""One wrong year in a file's name holds back nothing; old history is always accepted."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.sources import pending_files

from .conftest import House, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def land(house: House, seal: datetime, source: str = "payments") -> str:
    name = file_name(seal)
    house.land(name, json_lines(payment(1, seal_of(0))), source)
    return name


def test_a_typo_in_the_year_is_set_aside_with_how_to_allow_it(house: House) -> None:
    land(house, seal_of(0))
    house.load(make_spec(), now=lambda: NOON)
    typo = land(house, seal_of(1).replace(year=2206))
    next_year = land(house, seal_of(1).replace(year=2027))

    report = house.load(make_spec(), now=lambda: NOON)

    assert list(report.quarantined_files) == [next_year, typo]
    assert "seal_pattern: {furthest: " in report.quarantined_files[typo]
    assert report.seal == seal_of(0)
    assert house.ask("SELECT seal FROM ops.progress") == [(seal_of(0),)]
    assert house.load(make_spec(), now=lambda: NOON).quarantined_files == {}
    land(house, seal_of(1))
    assert house.load(make_spec(), now=lambda: NOON).seal == seal_of(1)


@pytest.mark.parametrize(("ahead", "allowed"), [(YEAR - timedelta(seconds=1), True), (YEAR, False)])
def test_the_bound_is_held_against_the_newest_of_all_inputs(
    house: House, ahead: timedelta, allowed: bool
) -> None:
    land(house, seal_of(0))
    land(house, seal_of(9), "refunds")
    for name in ("payments", "refunds"):
        house.load(make_spec(name=name), now=lambda: NOON)
    land(house, seal_of(9) + ahead)

    clock = datetime(2300, 1, 1, tzinfo=UTC)  # a clock alone allows nothing
    report = house.load(make_spec(), now=lambda: clock)

    assert bool(report.files) == allowed


def test_the_first_file_is_held_against_the_time_of_day(house: House) -> None:
    land(house, datetime(2206, 5, 1))
    assert house.load(make_spec(), now=lambda: NOON).files == []
    land(house, seal_of(0))
    assert house.load(make_spec(), now=lambda: NOON).files == [file_name(seal_of(0))]


def test_a_first_backfill_of_old_history_is_allowed_with_gaps_of_years(house: House) -> None:
    land(house, datetime(2009, 1, 1), "refunds")
    house.load(make_spec(name="refunds"), now=lambda: NOON)
    for year in (1999, 2003, 2019, 2026):
        land(house, datetime(year, 5, 1))

    report = house.load(make_spec(), now=lambda: NOON)

    assert (len(report.files), report.seal) == (4, datetime(2026, 5, 1))


def test_an_allowed_file_is_loaded_although_it_was_set_aside(house: House) -> None:
    land(house, seal_of(0))
    far = land(house, seal_of(0) + 2 * YEAR)
    house.load(make_spec(), now=lambda: NOON)
    wider = make_spec(seal_pattern={"furthest": "731d"})
    assert pending_files(make_spec(), house.lake, house.settings) == []
    assert [f.name for f in pending_files(wider, house.lake, house.settings)] == [far]

    assert house.load(wider).files == [far]
    assert house.load(wider).files == []
