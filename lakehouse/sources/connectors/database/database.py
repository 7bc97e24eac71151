"""The interface of a database: its columns, its rows, the answer to a query, every value as text.

The text is lossless, and each value has its own: SQLite has no column types, and a PostgreSQL
`numeric` or `infinity` fits none of DuckDB's types. The contract validates the texts, and
`comparison.py` selects the rows to fetch.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

from lakehouse.lake import quote


class Database(ABC):
    """A database in a transaction, and a separate DuckDB (`work`) for the fetched rows.

    A table made by `fetch` has `c0`, `c1`, ... (VARCHAR) and `_bytes` (BLOB): NULL except for a row
    with text that is not UTF-8, where it holds all values as JSON, in the original bytes.
    """

    def __init__(self, work: duckdb.DuckDBPyConnection) -> None:
        self.work = work

    def fetch(self, into: str, columns: Sequence[str | None], rest: str) -> None:
        """Make the table `into` of `columns` (None: NULLs); `rest` is FROM and WHERE."""
        texts = [f"c{index} VARCHAR" for index in range(len(columns))]
        self.work.execute(f"CREATE OR REPLACE TEMP TABLE {into} ({', '.join(texts)}, _bytes BLOB)")
        self._insert(into, columns, rest)

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in order, with the database's spelling."""

    @abstractmethod
    def ask(self, query: str) -> str | None:
        """The first value of the result of `query` (in the database's own SQL), as text."""

    def selected(self, table: str, names: Sequence[str]) -> list[str | None]:
        """`names`, with None for those that `table` lacks."""
        own = self.columns(table)
        return [name if name in own else None for name in names]

    def since(self, table: str, column: str, moment: datetime) -> str:
        """A WHERE clause that can use an index, and that loses nothing.

        It keeps all rows whose `column` is at or after `moment` (UTC, naive), and may keep others.
        """
        # times may be text of any ISO form, in any zone: one day earlier covers them all
        return f"WHERE {quote(column)} >= '{moment - timedelta(days=1):%Y-%m-%d}'"

    @abstractmethod
    def close(self) -> None:
        """Release the source; the caller closes `work`."""

    @abstractmethod
    def _insert(self, into: str, columns: Sequence[str | None], rest: str) -> None: ...


def table_name(name: str) -> str:
    """`schema.table` quoted, in the form that both databases accept."""
    return ".".join(map(quote, name.split(".")))


def query_one(work: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Any:
    """The first value of a DuckDB query's result; None if the result is empty."""
    row = work.execute(query, list(parameters)).fetchone()
    return row[0] if row else None
