"""Rows that a step wrote, as counted by the lake."""

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.lake.written import rows_written


def write(lake: Lake, *statements: str) -> int:
    """Run the statements as one commit; return the snapshot before it."""
    before = lake.snapshot()
    with lake.writer(Author("test")) as writer:
        for statement in statements:
            writer.execute(statement)
    return before


@pytest.mark.parametrize("rows", [3, 5_000])  # a few are kept in the catalog, many in a file
def test_inserted_and_replaced_rows_count_and_existing_rows_do_not(lake: Lake, rows: int) -> None:
    first = write(lake, f"CREATE TABLE lake.raw.t AS SELECT range AS i FROM range({rows})")
    assert rows_written(lake, "raw.t", first) == rows
    second = write(lake, "INSERT INTO lake.raw.t VALUES (-1)")
    assert rows_written(lake, "raw.t", second) == 1
    assert rows_written(lake, "raw.t", first) == rows + 1
    third = write(lake, "DELETE FROM lake.raw.t WHERE i < 2", "INSERT INTO lake.raw.t VALUES (0)")
    assert rows_written(lake, "raw.t", third) == 1
    idle = write(lake, "CREATE TABLE lake.raw.other (i INTEGER)")
    assert rows_written(lake, "raw.t", idle) == 0
    assert rows_written(lake, "raw.t", lake.snapshot()) == 0


def test_all_rows_of_a_rebuilt_table_count(lake: Lake) -> None:
    write(lake, "CREATE TABLE lake.raw.t AS SELECT range AS i FROM range(100)")
    before = write(
        lake, "DROP TABLE lake.raw.t", "CREATE TABLE lake.raw.t AS SELECT 1 AS i FROM range(40)"
    )
    assert rows_written(lake, "raw.t", before) == 40


def test_a_view_has_no_rows_of_its_own(lake: Lake) -> None:
    before = write(lake, "CREATE VIEW lake.raw.v AS SELECT 1 AS one")
    assert rows_written(lake, "raw.v", before) is None
