"""The columns of a table or view of the lake, asked of that table alone.

DuckDB's `duckdb_columns()` looks at everything, and binds each view, before it filters.
"""

import duckdb

from lakehouse.lake.names import qualified


def read_columns(cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """SQL types of the columns of `schema.table` by name, in order; empty if there is no such."""
    try:
        rows = cursor.execute(f"DESCRIBE {qualified(table)}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: row[1] for row in rows}
