"""Small inputs that failed once, with the right values. Each folder has a source and its files."""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.lake import Lake, qualified
from lakehouse.settings import Settings
from lakehouse.sources import LoadReport, extract, load, load_spec

HERE = Path(__file__).parent
MAY_25, MAY_26 = "20260525T235959999999Z", "20260526T235959999999Z"
Query = Callable[[str], list[tuple[Any, ...]]]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 5, day, hour, minute)


@pytest.fixture
def query_lake(lake: Lake) -> Query:
    def answer(query: str) -> list[tuple[Any, ...]]:
        with lake.reader() as cursor:
            return cursor.execute(query).fetchall()

    return answer


def deliver(
    case: str, lake: Lake, settings: Settings, defs: str = "defs.yaml", rename: str = ""
) -> tuple[LoadReport, str]:
    """Load the case's files; what the load reports, and the raw table."""
    spec = load_spec(HERE / case / defs)
    target = Path(settings.landing) / spec.name
    shutil.copytree(HERE / case / "landing", target)
    for path in target.glob(f"*{rename}.csv") if rename else ():
        path.rename(path.with_name(path.name.replace(rename, "")))
    return load(spec, lake, settings), qualified(spec.table)


def test_01_an_unclosed_quote_costs_one_row_of_each_file(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    report, raw = deliver("01-unclosed-quote", lake, settings)
    expected = [n for start in (0, 1000) for n in range(start + 1, start + 201) if n % 1000 != 3]
    assert [n for (n,) in query_lake(f"SELECT id FROM {raw} ORDER BY id")] == expected
    assert query_lake("SELECT _row, text FROM quarantine.rows ORDER BY _load_id") == [
        (3, '3,2026-05-25T10:03:00Z,"5 inch nail'),
        (3, '1003,"2026-05-26T10:03:00Z,ok'),
    ]
    assert (report.rows, report.rejected) == (398, 2)


def test_02_numbers_of_json_keep_every_digit(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    _, raw = deliver("02-json-numbers", lake, settings)
    assert query_lake(f"SELECT id, amount, code FROM {raw} ORDER BY _load_id, _row") == [
        (9007199254740993, Decimal("12.345"), "1.10"),
        (9007199254740993, Decimal("1.500"), "plain"),
        (3, Decimal("1234567890123456.789"), "plain"),
        (4, Decimal("1234567890123456.789"), "string"),
        (5, Decimal("0.100"), "12345678901234567.891"),
        (103, Decimal("1234567890123456.789"), "csv"),
    ]


@pytest.mark.parametrize("defs", ["defs.yaml", "defs-evolve.yaml"])
def test_03_a_header_that_is_not_utf8_refuses_its_file_and_the_next_is_loaded(
    lake: Lake, settings: Settings, query_lake: Query, defs: str
) -> None:
    report, raw = deliver("03-latin1-header-utf16", lake, settings, defs, rename=".utf16")
    assert query_lake(f"SELECT id, note FROM {raw}") == [(2, "good")]
    assert "its header is not UTF-8" in report.quarantined_files[f"{MAY_25}.csv"]
    assert "it is UTF-16, not UTF-8" in report.quarantined_files["20260528T235959999999Z.csv"]


def test_04_names_that_differ_in_case_are_two_columns(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    report, raw = deliver("04-names-differ-in-case", lake, settings)
    rows = query_lake(f'SELECT id, amount, amount_gross, "order", "select" FROM {raw} ORDER BY id')
    assert rows == [(n, 1, 3, 1, "a") for n in (1, 11, 21)]
    assert report.reasons == {"id: not a BIGINT": 3}


def test_05_a_named_zone_shifts_only_its_own_row(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    _, raw = deliver("05-zone-name-shifts-other-rows", lake, settings)
    found = [moment for (moment,) in query_lake(f'SELECT "at" FROM {raw} ORDER BY id')]
    assert found[:50] == [at(25, 14 if n == 10 else 10, n) for n in range(1, 51)]
    assert [n for n, moment in enumerate(found, start=1) if moment.hour != 10] == [10]


def test_06_a_value_that_does_not_fit_a_decimal_exactly_is_quarantined(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    report, raw = deliver("06-decimal-exponent", lake, settings)
    assert query_lake(f"SELECT id, amount, btc FROM {raw}") == [
        (3, Decimal("1"), Decimal("0.00000012"))
    ]
    assert report.rejected == 6


def test_09_columns_that_evolve_leaves_out_are_reported(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    report, raw = deliver("09-evolve-drops-columns", lake, settings)
    assert report.new_columns == ["Extra", "select", 'é "q"']
    assert report.discarded == {"ID": 1, "extra": 1, "_file": 1}
    assert query_lake(f'SELECT id, "Extra", "select", "é ""q""" FROM {raw}') == [
        (11, "E1", "s", "u")
    ]


def test_11_a_file_without_a_declared_column_is_refused_under_freeze(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    report, raw = deliver("11-missing-column", lake, settings)
    assert report.quarantined_files == {
        f"{MAY_26}.csv": "columns of the contract are missing: amount"
    }
    assert query_lake(f"SELECT id, amount FROM {raw}") == [(1, 5)]


def test_13_rows_added_later_with_the_newest_time_are_landed(
    lake: Lake, settings: Settings, query_lake: Query
) -> None:
    spec = load_spec(HERE / "13-database-boundary" / "defs.yaml")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(settings.data_dir / "shop_q_db.sqlite")
    database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, price INTEGER, updated_at TEXT)")
    steps = [
        ["INSERT INTO items VALUES (1, 10, '2026-05-25 10:00:00')"],
        [
            "INSERT INTO items VALUES (2, 20, '2026-05-25 10:00:00')",
            "UPDATE items SET price = 11 WHERE id = 1",
        ],
        ["INSERT INTO items VALUES (3, 30, '2026-05-25 10:00:01')"],
    ]
    for statements in steps:
        for statement in statements:
            database.execute(statement)
        database.commit()
        extract(spec, settings)
        load(spec, lake, settings)
    database.close()
    newest = f"SELECT id, arg_max(price, (known_at, _load_id)) FROM {qualified(spec.table)}"
    assert query_lake(f"{newest} GROUP BY id ORDER BY id") == [(1, 11), (2, 20), (3, 30)]
    assert extract(spec, settings).files == ()


@pytest.mark.parametrize("defs", ["defs.yaml", "defs-evolve.yaml"])
def test_14_brackets_in_names_are_shown_unchanged(
    lake: Lake, settings: Settings, query_lake: Query, defs: str
) -> None:
    report, raw = deliver("14-brackets-break-the-run", lake, settings, defs)
    if defs == "defs.yaml":
        why = report.quarantined_files[f"{MAY_25}.csv"]
        assert why.startswith("columns not in the contract: speed [km/h], rate [/h]; declare")
    else:
        assert query_lake(f'SELECT id, "speed [km/h]", "rate [/h]" FROM {raw}') == [(1, "3", "4")]
    lake.close()
    environment = {"LAKEHOUSE_DATA_DIR": str(settings.data_dir)}
    shown = CliRunner().invoke(main, ["sql", "SELECT '[/x]' AS \"a [km/h]\""], env=environment)
    assert (shown.exit_code, shown.output.split()) == (0, ["a", "[km/h]", "[/x]"])
