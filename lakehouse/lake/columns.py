"""The columns of one table or view of the lake.

DuckDB's `duckdb_columns()` reads every table and binds every view before it filters.
"""

import duckdb

from lakehouse.lake.names import qualified


def read_columns(cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """SQL types of the columns of `schema.table` by name, in order; empty for an unknown table."""
    try:
        rows = cursor.execute(f"DESCRIBE {qualified(table)}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: row[1] for row in rows}
