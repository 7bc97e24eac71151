"""The times of a model's spine, by which a split by share counts rows."""

from datetime import datetime

import duckdb

from lakehouse.lake import fetch_value, qualified, quote
from lakehouse.models.spec import ModelSpec


class SpineTimes:
    """Counts and picks rows along time; no row is held in memory."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
        self._cursor = cursor
        self._time, self._table = quote(spec.spine.time), qualified(spec.spine.table)

    def count(self, before: datetime) -> int:
        """The number of rows before a time."""
        query = f"SELECT count(*) FROM {self._table} WHERE {self._time} < ?"
        return int(fetch_value(self._cursor, query, [before]))

    def newest(self, number: int, before: datetime) -> datetime | None:
        """The time of the `number`-th newest row (from 1) before a time; None if there are fewer
        rows."""
        row = self._cursor.execute(
            f"SELECT {self._time} FROM {self._table} WHERE {self._time} < ? "
            f"ORDER BY {self._time} DESC LIMIT 1 OFFSET ?",
            [before, number - 1],
        ).fetchone()
        return row[0] if row else None
