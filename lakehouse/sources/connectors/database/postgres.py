"""PostgreSQL, by DuckDB's scanner: the server converts each value to text before any other type."""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from lakehouse.lake import literal, load_extensions, quote
from lakehouse.sources.connectors.database.database import Database, table_name

# for this transaction only; a server may be set to other forms, and some of them lose digits
_SESSION_SETTINGS = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


class PostgresDatabase(Database):
    """A PostgreSQL database, in a read-only transaction."""

    def __init__(self, work: duckdb.DuckDBPyConnection, url: str) -> None:
        super().__init__(work)
        load_extensions(work, "postgres_scanner")
        work.execute(f"ATTACH {literal(url)} AS source (TYPE postgres, READ_ONLY)")
        work.execute("BEGIN")
        settings = ", ".join(
            f"set_config({literal(name)}, {literal(value)}, true) AS {quote(name)}"
            for name, value in _SESSION_SETTINGS.items()
        )
        work.execute(f"FROM {_native('SELECT ' + settings)}").fetchall()

    def close(self) -> None:
        """Do nothing: the database is attached to `work`, which closes it."""

    def columns(self, table: str) -> list[str]:
        """The columns in the server's catalog."""
        return list(self._types(table))

    def ask(self, query: str) -> str | None:
        """The first value, converted to text by the server."""
        query = f"SELECT CAST(value AS text) AS value FROM ({query}\n) AS answer(value)"
        row = self.work.execute(f"SELECT value FROM {_native(query)}").fetchone()
        return row[0] if row else None

    def since(self, table: str, column: str, moment: datetime) -> str:
        """Exact for a column of timestamps."""
        if self._types(table)[column].startswith("timestamp"):
            return f"WHERE {quote(column)} >= '{moment}+00'"
        return super().since(table, column, moment)

    def _types(self, table: str) -> dict[str, str]:
        query = (
            "SELECT CAST(attname AS text) AS name, format_type(atttypid, atttypmod) AS type "
            f"FROM pg_attribute WHERE attrelid = CAST({literal(table_name(table))} AS regclass) "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return dict(self.work.execute(f"SELECT name, type FROM {_native(query)}").fetchall())

    def _insert(self, into: str, columns: Sequence[str | None], rest: str) -> None:
        texts = [
            f"CAST({quote(column) if column else 'NULL'} AS text) AS c{index}"
            for index, column in enumerate(columns)
        ]
        query = f"SELECT {', '.join(texts)} {rest}"
        self.work.execute(f"INSERT INTO {into} BY NAME FROM {_native(query)}")


def _native(query: str) -> str:
    """SQL that lets PostgreSQL run the query itself, including its filter."""
    return f"postgres_query('source', {literal(query)})"
