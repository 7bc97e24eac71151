"""How many rows a step wrote, for a writer that does not count them."""

from lakehouse.lake.lake import Lake, fetch_value
from lakehouse.lake.names import CATALOG, Table


def rows_written(lake: Lake, table: str, since: int) -> int | None:
    """Rows inserted into `schema.table` after the snapshot `since`, including replaced ones.

    None for a view, which has no rows of its own. It counts the inserted rows.
    """
    schema, name = Table(table).parts
    with lake.reader() as cursor:
        found = "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? "
        if not fetch_value(cursor, f"{found} AND table_name = ?", [CATALOG, schema, name]):
            return None
        now = int(fetch_value(cursor, f"FROM {CATALOG}.current_snapshot()"))
        if now <= since:
            return 0
        inserted = "SELECT count(*) FROM ducklake_table_insertions(?, ?, ?, ?, ?)"
        return int(fetch_value(cursor, inserted, [CATALOG, schema, name, since + 1, now]))
