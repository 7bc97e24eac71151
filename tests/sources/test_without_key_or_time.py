"""Sources without a key, without a time, or with hardly any declaration at all."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.sources import load_spec, unload
from lakehouse.sources.connectors.files import FilesConnector
from lakehouse.sources.decisions import Choice, release
from lakehouse.sources.errors import ContractError
from lakehouse.sources.rebuilding import rebuild

from .conftest import Harness, column, file_name, json_lines, make_spec, payment, seal_of
from .test_ledger import NOON, another_lake

BARE: list[dict[str, Any]] = [column("item"), column("price", "INTEGER")]
TICK = timedelta(microseconds=1)
FIRST, SECOND = file_name(seal_of(0), ".csv"), file_name(seal_of(1), ".csv")


def bare(columns: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    contract = {"key": [], "declared_time": "", "on_change": "freeze", **more.pop("contract", {})}
    return make_spec(columns or BARE, contract=contract, **more)


def test_exact_duplicates_are_kept_and_identified_by_file_and_row(harness: Harness) -> None:
    harness.land(FIRST, b"item,price\ntea,3\ntea,3\n,\n")
    report = harness.load(bare())
    assert (report.rows, report.rejected) == (3, 0)
    assert harness.rows("_file", "_row", "item", "price") == [
        (FIRST, 1, "tea", 3),
        (FIRST, 2, "tea", 3),
        (FIRST, 3, None, None),
    ]


def test_without_a_time_a_row_is_known_at_its_files_seal(harness: Harness) -> None:
    harness.land(FIRST, b"item,price\ntea,3\n")
    harness.load(bare())
    late = file_name(seal_of(0) - timedelta(hours=5), ".csv")
    harness.land(late, b"item,price\ncake,4\n")
    harness.load(bare())
    assert harness.rows("item", "known_at") == [("tea", seal_of(0)), ("cake", seal_of(0) + TICK)]


def test_without_a_key_op_is_a_column_like_any_other(harness: Harness) -> None:
    columns = [column("op"), column("price", "INTEGER", nullable=False)]
    harness.land(FIRST, b"op,price\ndelete,\ndelete,3\n")
    report = harness.load(bare(columns))
    assert (report.rows, report.rejected) == (1, 1)
    assert harness.rows("op", "price") == [("delete", 3)]


@pytest.mark.slow
def test_a_correction_is_an_unload_and_a_new_file(harness: Harness) -> None:
    harness.land(FIRST, b"item,price\ntea,3\ntea,3\n")
    harness.land(SECOND, b"item,price\ncake,4\n")
    harness.load(bare())
    done = unload(bare(), harness.lake, harness.settings, FIRST, who="me", why="wrong")
    assert (done.rows, done.since, done.until) == (2, seal_of(0), seal_of(0))
    assert harness.rows("item") == [("cake",)]
    harness.land("corrected/" + FIRST, b"item,price\ntea,2\ntea,3\n")
    harness.load(bare())
    # rows that come after what was complete are known after it
    assert harness.rows("item", "price", "known_at") == [
        ("cake", 4, seal_of(1)),
        ("tea", 2, seal_of(1) + TICK),
        ("tea", 3, seal_of(1) + TICK),
    ]
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(bare())
        query = "FROM (SELECT * EXCLUDE (_load_id, _loaded_at) FROM raw.payments) ORDER BY ALL"
        assert fresh.query(query) == harness.query(query)


def test_a_rebuild_keeps_every_row_and_its_identity(harness: Harness) -> None:
    harness.land(FIRST, b"item,price\ntea,3\ntea,3\ntea,x\n")
    harness.load(bare())
    before = harness.rows("*")
    as_text = bare([column("item"), column("price", "VARCHAR")])
    rebuild(as_text, harness.lake, harness.settings)
    assert harness.rows("_file", "_row", "price") == [(FIRST, n, p) for n, p in enumerate("33x", 1)]
    rebuild(bare(), harness.lake, harness.settings)
    assert harness.rows("*") == before


@pytest.mark.slow
def test_released_rows_come_once_with_the_place_in_their_new_file(harness: Harness) -> None:
    harness.land(FIRST, b"item,price\ntea,3\ntea,x\ntea,x\n")
    harness.load(bare())
    wider = bare([column("item"), column("price")])
    rebuild(wider, harness.lake, harness.settings)
    assert len(harness.rows("item")) == 3
    harness.land(SECOND, b"item,price\ncake,9\n")
    strict = bare([column("item"), column("price", values=["3", "x"])])
    harness.load(strict)
    release(strict, harness.lake, harness.settings, Choice(), who="me", why="ok", now=NOON)
    done = harness.load(wider)
    assert (done.rows, done.skipped_files) == (1, {})
    assert len(harness.rows("item")) == 4


@pytest.mark.parametrize("first", [{"key": ["item"]}, {}])
def test_a_changed_key_is_refused_and_a_rebuild_applies_it(
    harness: Harness, first: dict[str, Any]
) -> None:
    harness.land(FIRST, b"item,price\ntea,3\n,3\n")
    harness.load(bare(contract=first))
    then = bare(contract={} if first else {"key": ["item"]})
    with pytest.raises(ContractError, match=r"`key` was .* and is now "):
        harness.load(then)
    done = rebuild(then, harness.lake, harness.settings)
    assert done is not None
    assert (done.rows, done.rejected) == ((2, 0) if first else (1, 1))


def test_a_time_that_is_declared_later_changes_known_at_by_a_rebuild_only(
    harness: Harness,
) -> None:
    noon = datetime(2026, 5, 1, 12)
    harness.land(file_name(seal_of(0)), json_lines(payment(1, noon)))
    timeless = make_spec(contract={"declared_time": ""})
    harness.load(timeless)
    assert harness.rows("known_at") == [(seal_of(0),)]
    with pytest.raises(ContractError, match=r"`declared_time` was none and is now time"):
        harness.load(make_spec())
    rebuild(make_spec(), harness.lake, harness.settings)
    assert harness.rows("known_at") == [(noon,)]


SHORTEST = """type: lakehouse.orchestration.components.Source
attributes:
  name: shop
  description: Sales of a shop
  contract:
    columns:
      - {name: item, type: VARCHAR, description: Name of the article}
"""


def test_a_plain_csv_needs_no_more_than_its_columns(harness: Harness, tmp_path: Path) -> None:
    path = tmp_path / "defs" / "retail" / "sources" / "shop" / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(SHORTEST)
    spec = load_spec(path)
    assert spec.owners == ("team:retail",)
    assert spec.connector == FilesConnector()
    assert spec.contract.on_change == "freeze"
    harness.land("shop 2026-05-25.csv", b"item\ntea\ntea\n", "shop")
    assert harness.load(spec).rows == 2


def test_declared_owners_win_and_there_are_none_outside_of_a_domain(tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(SHORTEST)
    assert load_spec(path).owners == ()
    placed = tmp_path / "retail" / "sources" / "shop" / "defs.yaml"
    placed.parent.mkdir(parents=True)
    placed.write_text(SHORTEST.replace("  contract", '  owners: ["team:other"]\n  contract', 1))
    assert load_spec(placed).owners == ("team:other",)


def test_an_undeclared_column_is_refused_with_all_the_remedies(harness: Harness) -> None:
    harness.land(FIRST, b"item,price,email\ntea,3,x@y.z\n")
    report = harness.load(bare())
    assert report.rows == 0
    (reason,) = report.quarantined_files.values()
    assert "columns not in the contract: email; declare them" in reason
    assert "`discard` or `evolve`" in reason


def test_a_database_source_needs_a_key() -> None:
    connector = {"kind": "database", "url": "sqlite:x", "table": "t"}
    with pytest.raises(ValueError, match="a database source needs a `key` of one column"):
        bare([*BARE, column("op")], connector=connector)


def test_state_of_a_bare_source_is_the_same_in_a_new_lake(harness: Harness) -> None:
    harness.land(FIRST, b"item,price\ntea,3\ntea,3\n")
    harness.land("unnamed.csv", b"item,price\ntea,3\ntea,5\n")
    harness.load(bare())
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(bare())
        query = "SELECT _file, _row, known_at FROM raw.payments ORDER BY ALL"
        assert fresh.query(query) == harness.query(query)
