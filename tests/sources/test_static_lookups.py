"""`complete: always`: nothing waits for a lookup once it is loaded, and no version reaches back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse.lake import ALWAYS, read_progress
from lakehouse.orchestration.components.source_checks import build_check_specs
from lakehouse.sources import unload
from lakehouse.sources.rebuilding import rebuild

from .conftest import Harness, column, file_name, json_lines, make_spec, payment, seal_of
from .test_ledger import another_lake

TICK = timedelta(microseconds=1)
COLUMNS: list[dict[str, Any]] = [
    column("zone", "BIGINT"),
    column("name"),
    column("since", "TIMESTAMP"),
]


def zones(**more: Any) -> Any:
    contract = {"key": ["zone"], "declared_time": "", **more.pop("contract", {})}
    fields = {"name": "zones", "complete": "always", **more}
    return make_spec(COLUMNS, contract={"on_change": "freeze", **contract}, **fields)


def land(harness: Harness, name: str, text: str) -> None:
    harness.land(name, f"zone,name,since\n1,{text},2026-05-02\n".encode(), "zones")


def seal(harness: Harness) -> datetime | None:
    with harness.lake.reader() as cursor:
        return read_progress(cursor, "raw.zones").seal


def known(harness: Harness) -> list[tuple[Any, ...]]:
    return harness.rows("name", "known_at", table="raw.zones")


def test_a_loaded_lookup_is_always_complete_and_an_unloaded_one_never(harness: Harness) -> None:
    harness.load(zones())
    assert seal(harness) is None
    land(harness, "zones_2026-05-01.csv", "old")
    report = harness.load(zones())
    assert (seal(harness), report.seal) == (ALWAYS, seal_of(0))
    assert known(harness) == [("old", seal_of(0))]
    unload(zones(), harness.lake, harness.settings, report.files[0], who="me", why="wrong")
    assert seal(harness) is None


@pytest.mark.slow
def test_a_new_version_is_known_only_after_all_that_others_have_delivered(harness: Harness) -> None:
    land(harness, "zones_2026-05-01.csv", "old")
    harness.load(zones())
    ahead = datetime(2027, 6, 1)  # the embedded world runs ahead of the clock
    harness.land(file_name(ahead), json_lines(payment(1, ahead)))
    harness.load(make_spec(seal_pattern={"furthest": "9999d"}))

    land(harness, "zones_2026-05-03.csv", "new")
    declared = zones(contract={"declared_time": "since"})
    rebuild(declared, harness.lake, harness.settings)
    harness.load(declared)

    assert known(harness) == [("old", seal_of(0)), ("new", ahead + TICK)]
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(declared)  # without the other source: the ledger has the times
        assert known(fresh) == [("old", seal_of(0)), ("new", ahead + TICK)]
    before = known(harness)
    rebuild(declared, harness.lake, harness.settings)
    assert known(harness) == before


def test_a_new_version_is_known_from_its_landing_on_even_if_its_name_is_old(
    harness: Harness,
) -> None:
    land(harness, "zones_2020-01-01.csv", "old")
    harness.load(zones())
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    land(harness, "zones_2021-01-01.csv", "new")
    harness.load(zones())
    (_, old), (_, new) = known(harness)
    assert old == datetime(2020, 1, 2) - TICK
    assert before < new < datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=1)


def test_a_version_whose_name_is_of_the_future_is_known_then(harness: Harness) -> None:
    land(harness, "zones_2026-05-01.csv", "old")
    harness.load(zones())
    tomorrow = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    land(harness, f"zones_{tomorrow:%Y-%m-%d}.csv", "new")
    harness.load(zones(seal_pattern={"furthest": "9999d"}))
    end = datetime(tomorrow.year, tomorrow.month, tomorrow.day) + timedelta(days=1) - TICK
    assert known(harness)[1] == ("new", end)


def test_a_lookup_that_is_declared_later_becomes_one_with_the_next_load(harness: Harness) -> None:
    land(harness, "zones_2026-05-01.csv", "old")
    harness.load(zones(complete="sealed"))
    assert seal(harness) == seal_of(0)
    harness.load(zones())
    assert seal(harness) == ALWAYS
    snapshot = harness.lake.snapshot()
    harness.load(zones())
    assert harness.lake.snapshot() == snapshot
    harness.load(zones(complete="sealed"))
    assert seal(harness) == seal_of(0)


def test_the_age_of_a_lookup_is_checked_only_against_a_declared_freshness() -> None:
    assert "data_age" not in {check.name for check in build_check_specs(zones())}
    fresh = zones(freshness={"warn": "300d", "fail": "400d"})
    assert "data_age" in {check.name for check in build_check_specs(fresh)}


def test_an_unknown_completeness_is_refused() -> None:
    with pytest.raises(ValueError, match="'sealed' or 'always'"):
        zones(complete="never")
