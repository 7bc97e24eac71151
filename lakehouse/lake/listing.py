"""Every table and view of the lake, for display."""

from dataclasses import dataclass

from lakehouse.lake.lake import Lake, fetch_value
from lakehouse.lake.names import CATALOG, qualified


@dataclass(frozen=True)
class ListedTable:
    """A table or view by its name `schema.table`; `rows` is None for a view, to avoid a scan."""

    name: str
    rows: int | None
    columns: int


def list_tables(lake: Lake) -> list[ListedTable]:
    """All tables and views, sorted by name."""
    with lake.reader() as cursor:
        found = cursor.execute(
            "SELECT table_schema || '.' || table_name, count(column_name), any_value(table_type) "
            "FROM information_schema.tables LEFT JOIN information_schema.columns "
            "USING (table_catalog, table_schema, table_name) "
            "WHERE table_catalog = ? GROUP BY 1 ORDER BY 1",
            [CATALOG],
        ).fetchall()
        # only the catalog accounts for deleted rows without a scan
        return [
            ListedTable(
                name,
                fetch_value(cursor, f"SELECT count(*) FROM {qualified(name)}")
                if kind == "BASE TABLE"
                else None,
                columns,
            )
            for name, columns, kind in found
        ]
