"""A file whose name is not a seal: by its day, else by its arrival, and never silently."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.sources.deciding import decide
from lakehouse.sources.landing import LandedFile
from lakehouse.sources.local_times import LocalTimes
from lakehouse.sources.seals import SealPattern
from lakehouse.sources.staged import StagedFile

from .conftest import Harness, file_name, json_lines, make_spec, payment, seal_of
from .test_ledger import another_lake, full_state

TICK = timedelta(microseconds=1)
NOON = datetime(2026, 5, 25, 12)
END = datetime(2026, 5, 26) - TICK


@pytest.mark.parametrize(
    ("name", "seal"),
    [
        ("20260525T235959999999Z.csv", END),
        ("shop_2026-05-25.csv", END),
        ("shop-20260525.csv.gz", END),
        ("shop.2026.05.25.csv", END),
        ("2026/05/25/part-0.parquet", END),
        ("year=2026/month=5/day=25/part-0.parquet", END),
        ("shop_2026-05-25_released_1.csv", END),
        ("orders_2026-05-01_2026-05-25.csv", END),
        ("shop_20260525_1015.csv", END),
        ("shop_20260525T101530.csv", datetime(2026, 5, 25, 10, 15, 30)),
        ("shop_2026-05-25_10-15-30.csv", datetime(2026, 5, 25, 10, 15, 30)),
        ("tripdata_2024-02.parquet", datetime(2024, 3, 1) - TICK),
        ("2024/12/part-0.csv", datetime(2025, 1, 1) - TICK),
        ("year=2024/month=02/part-0.csv", datetime(2024, 3, 1) - TICK),
        ("shop.csv", None),
        ("shop_2026-02-30.csv", None),
        ("order_9920260525.csv", None),
        ("order_20113456.csv", None),
        ("20261332T235959999999Z.csv", None),
        ("", None),
    ],
)
def test_the_seal_is_the_last_time_of_a_usual_form(name: str, seal: datetime | None) -> None:
    found = SealPattern().read(name)
    assert (found.time if found else None) == seal


@given(
    st.dates(datetime(1900, 1, 1).date(), datetime(2099, 12, 31).date()), st.sampled_from("-_./")
)
def test_every_day_is_read_in_every_form(day: Any, mark: str) -> None:
    for text in (f"{day:%Y}{mark}{day:%m}{mark}{day:%d}", f"{day:%Y%m%d}"):
        found = SealPattern().read(f"a_{text}.csv")
        assert found is not None
        assert found.time == datetime(day.year, day.month, day.day) + timedelta(days=1) - TICK
        assert text in found.assumed


def test_a_day_in_a_name_ends_in_the_sources_own_zone() -> None:
    zone = LocalTimes("America/New_York")
    found = SealPattern().read("shop_2026-05-25.csv", zone)
    stamp = SealPattern().read("20260525T235959999999Z.csv", zone)
    assert found is not None
    assert stamp is not None
    assert (found.time, stamp.time) == (datetime(2026, 5, 26, 4) - TICK, END)
    assert "America/New_York" in found.assumed


@pytest.mark.parametrize(
    ("month", "last"), [("2023-02", 28), ("2024-02", 29), ("2024-04", 30), ("2024-12", 31)]
)
def test_an_offset_of_a_month_is_its_end(month: str, last: int) -> None:
    pattern = SealPattern(regex=r"m(\d{4}-\d{2})", strptime="%Y-%m", offset="month")
    found = pattern.read(f"m{month}.csv")
    assert found is not None
    assert found.time == datetime.strptime(month, "%Y-%m").replace(
        day=last, hour=23, minute=59, second=59, microsecond=999_999
    )


def test_a_file_without_any_time_is_sealed_when_it_landed_and_that_is_reported(
    harness: Harness,
) -> None:
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    path = harness.land("shop.jsonl", json_lines(payment(1, NOON), payment(2, NOON)))
    os.utime(path, (0, 0))  # an old file that was moved here keeps its time

    report = harness.load(make_spec())

    assert report.seal is not None
    assert before < report.seal < datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=1)
    assert list(report.assumed_seals) == ["shop.jsonl"]
    assert "at which it landed" in report.assumed_seals["shop.jsonl"]
    assert harness.rows("id", "known_at") == [(1, NOON), (2, NOON)]
    assert harness.load(make_spec()).assumed_seals == {}


def test_a_declared_pattern_wins_and_its_seals_are_no_assumption(harness: Harness) -> None:
    harness.land("2026-05-25_for_2026-05-02.jsonl", json_lines(payment(1, seal_of(0))))
    pattern = {"regex": r"for_(\d{4}-\d{2}-\d{2})", "strptime": "%Y-%m-%d", "offset": "day"}
    report = harness.load(make_spec(seal_pattern=pattern))
    assert (report.seal, report.assumed_seals) == (seal_of(1), {})


@pytest.mark.parametrize("field", [{"strptime": "%Y"}, {"offset": "1d"}])
def test_a_pattern_without_a_regex_is_refused(field: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs a `regex`"):
        make_spec(seal_pattern=field)


def test_a_later_file_never_gets_a_smaller_seal_whatever_the_clock_says(harness: Harness) -> None:
    files = [
        LandedFile(f"{n}.jsonl", "", 1, NOON, landed=NOON - timedelta(hours=n)) for n in range(3)
    ]
    staged = [StagedFile(file, n, sha256=str(n), rows=1) for n, file in enumerate(files)]
    decisions = decide(make_spec(), staged, {}, None)
    assert [one.seal for one in decisions] == [NOON, NOON + TICK, NOON + 2 * TICK]


def test_an_old_source_accepts_a_file_that_lands_years_later(harness: Harness) -> None:
    harness.land(file_name(datetime(2011, 1, 1)), json_lines(payment(1, datetime(2010, 1, 1))))
    harness.load(make_spec())
    harness.land("more.jsonl", json_lines(payment(2, datetime(2010, 1, 2))))
    assert harness.load(make_spec()).files == ["more.jsonl"]


@pytest.mark.slow
def test_a_new_lake_on_the_same_landing_zone_is_the_same_lake(harness: Harness) -> None:
    for number, name in enumerate(["b.jsonl", "a_2026-05-25.jsonl", "c.jsonl"]):
        harness.land(name, json_lines(payment(number, NOON)))
        harness.load(make_spec())
    for name in ("b.jsonl", "c.jsonl"):  # the storage's times have changed since
        path = Path(harness.settings.landing) / "payments" / name
        path.chmod(0o600)
        os.utime(path, (0, 0))
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)


def test_a_stray_file_of_a_connector_that_names_its_files_is_refused(harness: Harness) -> None:
    columns = [
        {"name": "id", "type": "BIGINT", "description": "x"},
        {"name": "op", "type": "VARCHAR", "description": "x"},
        {"name": "time", "type": "TIMESTAMP", "description": "x"},
    ]
    connector = {"kind": "database", "url": "sqlite:x", "table": "t", "updated_at": "time"}
    harness.land("stray.jsonl", json_lines({"id": 1, "op": "upsert", "time": "2026-05-01"}))
    report = harness.load(make_spec(columns, connector=connector))
    assert "no seal" in report.quarantined_files["stray.jsonl"]
