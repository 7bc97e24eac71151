"""How many rows a step wrote, for a writer that does not count them."""

from lakehouse.lake.lake import Lake, current_snapshot, fetch_value, table_exists
from lakehouse.lake.names import CATALOG, Table


def rows_written(lake: Lake, table: str, since: int) -> int | None:
    """Rows inserted into `schema.table` after the snapshot `since`, including replaced ones.

    None for a view, which has no rows of its own, and for an unknown table. It counts the inserted
    rows.
    """
    schema, name = Table(table).parts
    with lake.reader() as cursor:
        # duckdb_tables() would read the statistics of every table
        views = "SELECT count(*) FROM duckdb_views() WHERE database_name = ? AND schema_name = ? "
        is_view = fetch_value(cursor, f"{views} AND view_name = ?", [CATALOG, schema, name])
        if is_view or not table_exists(cursor, table):
            return None
        now = current_snapshot(cursor)
        if now <= since:
            return 0
        inserted = "SELECT count(*) FROM ducklake_table_insertions(?, ?, ?, ?, ?)"
        return int(fetch_value(cursor, inserted, [CATALOG, schema, name, since + 1, now]))
