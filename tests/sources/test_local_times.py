"""Times in a source's own zone, exact against Python's `zoneinfo`, on days of clock change too."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.sources.column_types import column_type
from lakehouse.sources.errors import ContractError
from lakehouse.sources.local_times import ClockChange, LocalTimes
from lakehouse.sources.rebuilding import rebuild

from .conftest import Harness, column, file_name, make_spec, seal_of

ZONES = (
    *("Europe/Vienna", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia", "UTC"),
    *("Asia/Manila", "Africa/Monrovia", "Europe/Dublin", "Antarctica/Troll"),
)
HOUR = timedelta(hours=1)


def reference(local: datetime, zone: str, choice: ClockChange) -> datetime | None:
    """The moment of `local`: the one whose local time it is, or a choice between two readings."""
    readings = [
        local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC).replace(tzinfo=None)
        for fold in (0, 1)
    ]
    if readings[0] != readings[1] and choice == "reject":
        return None
    return max(readings) if choice == "later" else min(readings)


def convert(texts: list[str | None], zone: LocalTimes) -> list[datetime | None]:
    """As the loader converts a column of texts."""
    kind = column_type("TIMESTAMP")
    table = pa.table(
        {"c": kind.plain(pa.chunked_array([pa.array(texts, pa.string())]), "VARCHAR", zone)}
    )
    with duckdb.connect() as connection:
        connection.register("t", table)
        found = connection.execute(f"SELECT {kind.cast_sql('c', 'VARCHAR')} FROM t").fetchall()
    return [value for (value,) in found]


def near_changes(zone: str, years: range) -> list[datetime]:
    """Local times around every clock change of `zone`, to the microsecond."""
    found = []
    hour = datetime(years.start, 1, 1, tzinfo=UTC)
    while hour.year < years.stop:
        after = hour + HOUR
        if (
            hour.astimezone(ZoneInfo(zone)).utcoffset()
            != after.astimezone(ZoneInfo(zone)).utcoffset()
        ):
            local = after.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            steps = [timedelta(minutes=m) for m in range(-130, 131, 10)]
            found += [
                local + s + d for s in steps for d in (timedelta(), -timedelta(microseconds=1))
            ]
        hour = after
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("choice", ["reject", "earlier", "later"])
def test_all_times_around_all_clock_changes_are_those_of_zoneinfo(
    zone: str, choice: ClockChange
) -> None:
    moments = near_changes(zone, range(2009, 2013)) or [datetime(2010, 6, 1, 12)]
    texts = [moment.isoformat(" ") for moment in moments]
    expected = [reference(moment, zone, choice) for moment in moments]
    assert convert(list(texts), LocalTimes(zone, choice)) == expected


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.lists(st.datetimes(datetime(1850, 1, 2), datetime(2199, 12, 30)), min_size=1, max_size=30),
    st.sampled_from(ZONES),
    st.sampled_from(["reject", "earlier", "later"]),
)
def test_any_time_is_that_of_zoneinfo(
    moments: list[datetime], zone: str, choice: ClockChange
) -> None:
    expected = [reference(moment, zone, choice) for moment in moments]
    assert convert([str(moment) for moment in moments], LocalTimes(zone, choice)) == expected


def test_spellings_with_an_offset_or_a_zone_ignore_the_sources_zone() -> None:
    texts = [
        *("2026-05-25T10:00:00Z", "2026-05-25 10:00:00+05:30", "2026-05-25 10:00:00 UTC"),
        *(
            "2026-05-25 10:00:00 America/New_York",
            "2026-05-25 10:00",
            "2026-05-25",
            "2026/5/25 9:05",
        ),
        *(" 2026-05-25 10:00:00.5 ", "2026-05-25 10:00:00.1234567", "noon", None, ""),
        *("2026-02-30 10:00:00", "2026-05-25T24:00:00", "0001-01-01 00:00:00"),
    ]
    assert convert(texts, LocalTimes("Europe/Vienna")) == [
        datetime(2026, 5, 25, 10),
        datetime(2026, 5, 25, 4, 30),
        datetime(2026, 5, 25, 10),
        datetime(2026, 5, 25, 14),
        datetime(2026, 5, 25, 8),
        datetime(2026, 5, 24, 22),
        datetime(2026, 5, 25, 7, 5),
        datetime(2026, 5, 25, 8, 0, 0, 500_000),
        *[None] * 7,
    ]


COLUMNS: list[dict[str, Any]] = [
    column("id", "BIGINT"),
    column("time", "TIMESTAMP"),
    column("day", "DATE"),
]
NAME = "shop_2026-10-25.csv"
ROWS = (
    b"id,time,day\n"
    b"1,2026-03-29 01:59:59,2026-03-29\n"
    b"2,2026-03-29 02:30:00,2026-03-29\n"  # skipped
    b"3,2026-10-25 02:30:00,2026-10-25\n"  # occurs twice
    b"4,2026-10-25 02:30:00+02:00,2026-10-25\n"
    b"5,,2026-10-25\n"
)


def local(**more: Any) -> Any:
    return make_spec(COLUMNS, contract={"on_change": "freeze"}, timezone="Europe/Vienna", **more)


def test_a_time_that_a_clock_change_repeats_or_skips_is_quarantined(harness: Harness) -> None:
    harness.land(NAME, ROWS)
    report = harness.load(local())
    reason = (
        "time: not a TIMESTAMP, or a time that a clock change in Europe/Vienna repeats or skips"
    )
    assert report.reasons == {reason: 2}
    assert harness.rows("id", "time", "day::VARCHAR") == [
        (1, datetime(2026, 3, 29, 0, 59, 59), "2026-03-29"),
        (4, datetime(2026, 10, 25, 0, 30), "2026-10-25"),
        (5, None, "2026-10-25"),
    ]
    assert report.seal == datetime(2026, 10, 25, 23) - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("choice", "skipped", "repeated"),
    [
        ("earlier", datetime(2026, 3, 29, 0, 30), datetime(2026, 10, 25, 0, 30)),
        ("later", datetime(2026, 3, 29, 1, 30), datetime(2026, 10, 25, 1, 30)),
    ],
)
def test_a_declared_choice_reads_it_as_one_of_the_two_moments(
    harness: Harness, choice: str, skipped: datetime, repeated: datetime
) -> None:
    harness.land(NAME, ROWS)
    harness.load(local())
    chosen = local(clock_change=choice)
    harness.load(chosen)  # a choice for rows that were set aside fits the rows in raw
    done = rebuild(chosen, harness.lake, harness.settings)
    assert done is not None
    assert (done.rows, done.rejected) == (5, 0)
    assert harness.rows("time")[1:3] == [(skipped,), (repeated,)]
    other = local(clock_change="later" if choice == "earlier" else "earlier")
    for changed in (other, local(), make_spec(COLUMNS, contract={"on_change": "freeze"})):
        with pytest.raises(ContractError, match=r"`timezone` was Europe/Vienna"):
            harness.load(changed)


def test_local_times_of_parquet_files_are_converted_too(harness: Harness, tmp_path: Path) -> None:
    query = (
        "SELECT 1::BIGINT AS id, TIMESTAMP '2026-07-01 10:00:00.25' AS time, "
        "DATE '2026-07-01' AS day "
        "UNION ALL SELECT 2, TIMESTAMP '2026-10-25 02:30:00', NULL"
    )
    duckdb.sql(query).write_parquet(str(tmp_path / "p"))
    harness.land(file_name(seal_of(90), ".parquet"), (tmp_path / "p").read_bytes())
    zoned = (
        "SELECT 3::BIGINT AS id, TIMESTAMPTZ '2026-07-01 10:00:00+00' AS time, NULL::DATE AS day"
    )
    duckdb.sql(zoned).write_parquet(str(tmp_path / "q"))
    harness.land(file_name(seal_of(91), ".parquet"), (tmp_path / "q").read_bytes())
    report = harness.load(local())
    assert (report.rows, report.rejected) == (2, 1)
    assert harness.rows("id", "time") == [
        (1, datetime(2026, 7, 1, 8, 0, 0, 250_000)),
        (3, datetime(2026, 7, 1, 10)),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timezone": "Europe/Wien"}, "unknown time zone 'Europe/Wien'"),
        ({"timezone": "../etc/passwd"}, "unknown time zone"),
        ({"clock_change": "later"}, "needs a `timezone`"),
        ({"clock_change": "first", "timezone": "UTC"}, "'reject', 'earlier' or 'later'"),
    ],
)
def test_a_zone_that_does_not_exist_is_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_spec(**fields)


def test_a_database_converts_its_times_itself() -> None:
    connector = {"kind": "database", "url": "sqlite:x", "table": "t", "updated_at": "time"}
    with pytest.raises(ValueError, match="in a view, and remove `timezone`"):
        make_spec(
            [*COLUMNS, column("op")],
            connector=connector,
            timezone="Europe/Vienna",
            contract={"on_change": "freeze"},
        )
