"""What a database must be able to tell: columns, rows, an answer, every value as text.

The text is the one that loses nothing, and each value's own: SQLite has no types for columns, and a
PostgreSQL `numeric` or `infinity` fits no type of DuckDB's. What a text is worth is for the
contract to judge. Which rows to fetch is for `comparison.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

from lakehouse.lake import quote


class Database(ABC):
    """A database in a transaction, and a DuckDB of its own (`work`) for what is fetched.

    A table made by `fetch` has `c0`, `c1`, ... (VARCHAR) and `_bytes` (BLOB): NULL but for a row
    with text that is not UTF-8, of which it holds all values as JSON, in the original bytes.
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
        """The names of a table's columns, in order, spelt as the database does."""

    @abstractmethod
    def ask(self, query: str) -> str | None:
        """The first value that `query`, in the database's own SQL, gives, as text."""

    def selected(self, table: str, names: Sequence[str]) -> list[str | None]:
        """`names`, with None for those that `table` has not."""
        own = self.columns(table)
        return [name if name in own else None for name in names]

    def since(self, table: str, column: str, moment: datetime) -> str:
        """A WHERE that the database can use an index for, and that loses nothing.

        It keeps all rows whose `column` is at or after `moment` (UTC, naive), and others.
        """
        # times may be text of any ISO form, in any zone: a day less suits them all
        return f"WHERE {quote(column)} >= '{moment - timedelta(days=1):%Y-%m-%d}'"

    @abstractmethod
    def close(self) -> None:
        """Let go of the source; `work` is closed by whoever made it."""

    @abstractmethod
    def _insert(self, into: str, columns: Sequence[str | None], rest: str) -> None: ...


def table_name(name: str) -> str:
    """`schema.table` with quotes, as either database takes it."""
    return ".".join(map(quote, name.split(".")))


def ask_one(work: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Any:
    """The first value of the answer of a DuckDB; None when it is empty."""
    row = work.execute(query, list(parameters)).fetchone()
    return row[0] if row else None
