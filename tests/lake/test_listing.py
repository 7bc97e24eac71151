"""The list shows every table with its current number of rows, and a view without running it."""

from lakehouse.lake import Author, Lake
from lakehouse.lake.listing import ListedTable, list_tables


def test_tables_are_listed_with_row_counts_and_views_without_even_if_broken(lake: Lake) -> None:
    with lake.writer(Author("test")) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT range AS i, 'a' AS s FROM range(10)")
        cursor.execute("CREATE TABLE raw.gone AS SELECT 1 AS i")
        cursor.execute("CREATE VIEW staging.broken AS FROM raw.gone")
    with lake.writer(Author("test")) as cursor:
        cursor.execute("DELETE FROM raw.t WHERE i < 3")
        cursor.execute("DROP TABLE raw.gone")
    found = list_tables(lake)
    assert [(one.name, one.rows) for one in found] == [("raw.t", 7), ("staging.broken", None)]
    assert found[0] == ListedTable("raw.t", 7, 2)


def test_an_empty_lake_has_no_tables(lake: Lake) -> None:
    lake.snapshot()
    assert list_tables(lake) == []
