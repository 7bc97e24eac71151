"""Database values reach the landing zone exactly: each type with difficult values."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lakehouse.sources import SourceSpec, extract
from lakehouse.sources.errors import SourceDown, SpecError

from .conftest import Harness, column, make_spec

TIME = "2026-05-01 10:00:00"


def make_things(url: str, type: str = "VARCHAR", **connector: Any) -> SourceSpec:
    return make_spec(
        [
            column("id", "BIGINT"),
            column("op", nullable=False),
            column("value", type),
            column("updated_at", "TIMESTAMP", nullable=False),
        ],
        name="things",
        contract={"declared_time": "updated_at", "on_change": "discard"},
        connector={"kind": "database", "url": url, "table": "things", **connector},
    )


def landed(harness: Harness, name: str = "value") -> list[Any]:
    (file,) = (Path(harness.settings.landing) / "things").iterdir()
    values: list[Any] = pq.read_table(file).column(name).to_pylist()
    return values


@contextmanager
def sqlite_things(path: Path, type: str = "") -> Iterator[sqlite3.Connection]:
    sqlite = sqlite3.connect(path / "things.sqlite", isolation_level=None)
    try:
        sqlite.execute(f"CREATE TABLE things (id INTEGER PRIMARY KEY, value {type}, updated_at)")
        yield sqlite
    finally:
        sqlite.close()


def fill(sqlite: sqlite3.Connection, *values: Any) -> None:
    rows = [(number, value, TIME) for number, value in enumerate(values, start=1)]
    sqlite.executemany("INSERT INTO things VALUES (?, ?, ?)", rows)


SQLITE = [
    ("INTEGER", 9_223_372_036_854_775_807, "9223372036854775807"),
    ("INTEGER", -9_223_372_036_854_775_808, "-9223372036854775808"),
    ("INTEGER", 9_007_199_254_740_993, "9007199254740993"),
    ("INTEGER", "twelve", "twelve"),
    ("INTEGER", 1.5, "1.5"),
    ("REAL", 0.1 + 0.2, "0.30000000000000004"),
    ("REAL", 9007199254740993, "9007199254740992.0"),  # SQLite itself keeps no more digits
    ("REAL", 5e-324, "5e-324"),
    ("REAL", 1.7976931348623157e308, "1.7976931348623157e+308"),
    ("REAL", float("inf"), "inf"),
    ("REAL", -0.0, "0.0"),  # SQLite itself drops the sign
    (
        "DECIMAL(38,18)",
        "1234567890123456789.012345678901234567",
        "1234567890123456768",
    ),  # SQLite itself keeps no more digits
    ("TEXT", "1234567890123456789.012345678901234567", "1234567890123456789.012345678901234567"),
    ("TEXT", "1.10", "1.10"),
    ("TEXT", "é€😀", "é€😀"),
    ("TEXT", "a\0b", "a\0b"),
    ("TEXT", " two\r\nlines ", " two\r\nlines "),
    ("TEXT", "", ""),
    ("TEXT", None, None),
    ("BLOB", b"\xde\xad\xbe\xef", "\\xdeadbeef"),
    ("BLOB", b"text", "\\x74657874"),
    ("DATE", "0044-03-15", "0044-03-15"),
    ("DATE", 2461162.5, "2461162.5"),
    ("TIMESTAMP", 1_777_629_600, "1777629600"),
    ("TIMESTAMP", "2026-05-01T10:00:00.123456789+02:00", "2026-05-01T10:00:00.123456789+02:00"),
    ("BOOLEAN", True, "1"),
    ("", 1, "1"),
    ("", "1", "1"),
]


@pytest.mark.parametrize(("type", "value", "text"), SQLITE)
def test_values_in_sqlite_are_landed_to_the_last_digit(
    harness: Harness, tmp_path: Path, type: str, value: Any, text: str | None
) -> None:
    with sqlite_things(tmp_path, type) as sqlite:
        fill(sqlite, value)
        extract(make_things(f"sqlite:{tmp_path}/things.sqlite"), harness.settings)
    assert landed(harness) == [text]


def test_a_value_of_another_type_is_quarantined_and_the_others_are_loaded(
    harness: Harness, tmp_path: Path
) -> None:
    with sqlite_things(tmp_path, "INTEGER") as sqlite:
        fill(sqlite, 9_007_199_254_740_993, "twelve", 1.5, b"\x01", None, " 7", "8")
        spec = make_things(f"sqlite:{tmp_path}/things.sqlite", "BIGINT")
        extract(spec, harness.settings)
    report = harness.load(spec)
    found = harness.rows("id", "value", table="raw.things")
    assert found == [(1, 9_007_199_254_740_993), (5, None), (6, 7), (7, 8)]
    assert report.reasons == {"value: not a BIGINT": 3}


@pytest.mark.slow
def test_text_that_is_not_utf_8_quarantines_its_row_and_keeps_its_bytes(
    harness: Harness, tmp_path: Path
) -> None:
    with sqlite_things(tmp_path, "TEXT") as sqlite:
        fill(sqlite, 'é "x"\n', "BAD", None)
        sqlite.execute("UPDATE things SET value = CAST(x'e9ff' AS TEXT) WHERE id = 2")
        spec = make_things(f"sqlite:{tmp_path}/things.sqlite")
        (name,) = extract(spec, harness.settings).files
        assert (
            b'"value": "\xe9\xff"'
            in (Path(harness.settings.landing) / "things" / name).read_bytes()
        )
        report = harness.load(spec)
        assert harness.rows("id", "value", table="raw.things") == [(1, 'é "x"\n'), (3, None)]
        assert report.reasons == {"not UTF-8": 1}
        assert extract(spec, harness.settings).files == ()
        sqlite.execute("UPDATE things SET value = CAST(x'e9fe' AS TEXT) WHERE id = 2")
        assert extract(spec, harness.settings).rows == 1
        sqlite.execute("UPDATE things SET value = 'good' WHERE id = 2")
        assert extract(spec, harness.settings).rows == 1
        assert extract(spec, harness.settings).files == ()
    harness.load(spec)
    assert harness.rows("id", "value", table="raw.things")[-1] == (2, "good")


@pytest.mark.parametrize("value", [1_777_629_600, 2461162.5, "May 1st", "9999-12-31", None])
def test_a_table_without_valid_times_is_refused_with_a_remedy(
    harness: Harness, tmp_path: Path, value: Any
) -> None:
    with sqlite_things(tmp_path) as sqlite:
        sqlite.execute("INSERT INTO things VALUES (1, 'x', ?)", (value,))
        with pytest.raises(SourceDown, match=r"no updated_at of things is a time .* to a view"):
            extract(make_things(f"sqlite:{tmp_path}/things.sqlite"), harness.settings)


def test_a_time_that_means_never_does_not_stop_extraction(harness: Harness, tmp_path: Path) -> None:
    with sqlite_things(tmp_path) as sqlite:
        spec = make_things(f"sqlite:{tmp_path}/things.sqlite")
        fill(sqlite, "a")
        sqlite.execute("INSERT INTO things VALUES (2, 'b', '9999-12-31 23:59:59.999999')")
        extract(spec, harness.settings)
        sqlite.execute(f"INSERT INTO things VALUES (3, 'c', '{TIME}')")
        assert extract(spec, harness.settings).rows == 1
        assert extract(spec, harness.settings).files == ()
    harness.load(spec)
    assert [row[0] for row in harness.rows("id", table="raw.things")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ("(ID INTEGER, updated_at)", SourceDown, "no column 'id', only ID, updated_at"),
        ("(id INTEGER, changed)", SourceDown, "no column 'updated_at', only id, changed"),
        ("(id INTEGER, op, updated_at)", SpecError, "has its own column `op`"),
    ],
)
def test_columns_are_matched_by_their_exact_spelling(
    harness: Harness, tmp_path: Path, table: str, error: type[Exception], message: str
) -> None:
    with sqlite3.connect(tmp_path / "things.sqlite") as sqlite:
        sqlite.execute(f"CREATE TABLE things {table}")
    sqlite.close()
    with pytest.raises(error, match=message):
        extract(make_things(f"sqlite:{tmp_path}/things.sqlite"), harness.settings)


def test_a_seal_query_that_does_not_return_a_time_is_an_error(
    harness: Harness, tmp_path: Path
) -> None:
    with sqlite_things(tmp_path) as sqlite:
        fill(sqlite, "a")
        spec = make_things(f"sqlite:{tmp_path}/things.sqlite", seal="SELECT 1777629600;")
        with pytest.raises(SourceDown, match="returned '1777629600', which is not a time"):
            extract(spec, harness.settings)


POSTGRES = [
    ("numeric", "1234567890123456789012345678901234567890.1234567890123456789", None),
    ("numeric", "NaN", None),
    ("numeric", "-Infinity", None),
    ("numeric(10, 4)", "1.1000", None),
    ("bigint", "9223372036854775807", None),
    ("double precision", "0.30000000000000004", None),
    ("double precision", "NaN", None),
    ("real", "0.1", None),
    ("timestamptz", "2026-05-01 12:00:00.123456+02", "2026-05-01 10:00:00.123456+00"),
    ("timestamptz", "infinity", None),
    ("timestamp", "0044-03-15 10:00:00 BC", None),
    ("timestamp", "294276-12-31 23:59:59", None),
    ("date", "-infinity", None),
    ("date", "2026-05-01", None),
    ("time", "24:00:00", None),
    ("timetz", "10:00:00+02", None),
    ("interval", "1 year 2 days 03:04:05.6", None),
    ("uuid", "c73c74ae-95d9-46c6-8506-a46ad441dca3", None),
    ("json", '{"a": 1.10, "a":  2}', None),
    ("jsonb", '{"b": 12345678901234567890.10}', None),
    ("integer[]", "{1,NULL,3}", None),
    ("text[][]", '{{a,"b c"},{NULL,"NULL"}}', None),
    ("bytea", "\\xdeadbeef", None),
    ("mood", "so so", None),
    ("boolean", "true", None),
    ("bit varying", "10101", None),
    ("inet", "10.0.0.1/8", None),
    ("int4range", "[1,5)", None),
    ("text", " two\r\nlines é😀 ", None),
    ("text", "", None),
    ("varchar(3)", "abc", None),
]
"""Type, the inserted value, and the landed text if that differs."""


@pytest.mark.slow
def test_values_in_postgresql_are_landed_to_the_last_digit_whatever_its_settings(
    harness: Harness, postgres: Any
) -> None:
    columns = ", ".join(f'"V{n}" {type}' for n, (type, _, _) in enumerate(POSTGRES))
    values = ", ".join(
        "E'" + value.replace("\\", "\\\\").replace("\r\n", "\\r\\n") + "'"
        for _, value, _ in POSTGRES
    )
    postgres.psql("DROP DATABASE IF EXISTS odd;")
    postgres.psql("CREATE DATABASE odd;")
    for setting in (
        "DateStyle = 'German'",
        "TimeZone = 'Asia/Kathmandu'",
        "extra_float_digits = -5",
        "bytea_output = 'escape'",
        "IntervalStyle = 'sql_standard'",
    ):
        postgres.psql(f"ALTER DATABASE odd SET {setting};")
    postgres.psql(
        f"""\\connect odd
        SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres';
        CREATE TYPE mood AS ENUM ('so so');
        CREATE TABLE things (id int, {columns}, "v1" text, updated_at timestamptz);
        INSERT INTO things VALUES (1, {values}, 'lower', '2026-05-01 10:00:00');"""
    )
    spec = make_things(postgres.get_uri("odd"))
    extract(spec, harness.settings)
    expected = [after or before for _, before, after in POSTGRES]
    assert [landed(harness, f"V{n}")[0] for n in range(len(POSTGRES))] == expected
    assert landed(harness, "v1") == ["lower"]
    assert landed(harness, "updated_at") == ["2026-05-01 10:00:00+00"]
    report = harness.load(spec)
    assert (report.rows, report.reasons) == (1, {})
    assert extract(spec, harness.settings).files == ()


@pytest.mark.slow
def test_a_postgresql_value_that_the_contract_cannot_hold_is_quarantined(
    harness: Harness, postgres: Any
) -> None:
    postgres.psql(
        """DROP TABLE IF EXISTS things;
        CREATE TABLE things (id bigint, value numeric, updated_at timestamptz);
        INSERT INTO things VALUES (1, '12345678901234567890.10', '2026-05-01 10:00:00+00'),
            (2, 'NaN', '2026-05-01 10:00:00+00'), (3, '0.001', '2026-05-01 10:00:00+00'),
            (4, '1', 'infinity'), (5, '7', NULL);"""
    )
    spec = make_things(postgres.get_uri(), "DECIMAL(38, 2)")
    extract(spec, harness.settings)
    report = harness.load(spec)
    assert harness.query("SELECT id, CAST(value AS VARCHAR) FROM lake.raw.things ORDER BY id") == [
        (1, "12345678901234567890.10")
    ]
    assert report.reasons == {
        "value: not a DECIMAL(38,2)": 2,
        "updated_at: not a TIMESTAMP": 1,
        "updated_at: required value is missing": 1,
    }
    assert extract(spec, harness.settings).files == ()


def test_landed_json_rows_equal_what_pythons_parser_reads(harness: Harness, tmp_path: Path) -> None:
    with sqlite_things(tmp_path) as sqlite:
        fill(sqlite, '\\ "quoted"\n\u2028', "BAD")
        sqlite.execute("UPDATE things SET value = CAST(x'ff' AS TEXT) WHERE id = 2")
        (name,) = extract(make_things(f"sqlite:{tmp_path}/things.sqlite"), harness.settings).files
    first, _ = (Path(harness.settings.landing) / "things" / name).read_bytes().splitlines()
    assert json.loads(first) == {
        "id": "1",
        "value": '\\ "quoted"\n\u2028',
        "updated_at": TIME,
        "op": "upsert",
    }
