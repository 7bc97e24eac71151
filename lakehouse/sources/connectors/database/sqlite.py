"""SQLite, by Python's own module: DuckDB's scanner fails on text in an integer column."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent

import duckdb

from lakehouse.lake import quote
from lakehouse.sources.connectors.database.database import Database, table_name
from lakehouse.sources.errors import SourceDown

_ROWS = 5_000


class SqliteDatabase(Database):
    """An SQLite file, opened read-only."""

    def __init__(self, work: duckdb.DuckDBPyConnection, url: str) -> None:
        super().__init__(work)
        path = url.removeprefix("sqlite:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not Path(path).is_file():
            raise SourceDown(
                f"there is no database at {path}: create the embedded world with `lakehouse "
                "simulate`, or correct the source's `url`"
            )
        address = f"file:{percent(path)}?mode=ro"
        self.source = sqlite3.connect(address, uri=True, isolation_level=None)
        self.source.execute("BEGIN")

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def columns(self, table: str) -> list[str]:
        """The columns in the description of a query."""
        found = self.source.execute(f"SELECT * FROM {table_name(table)} LIMIT 0")
        return [column[0] for column in found.description]

    def ask(self, query: str) -> str | None:
        """The first value, with all its digits."""
        row = self.source.execute(query).fetchone()
        return _text(row[0]) if row else None

    def since(self, table: str, column: str, moment: datetime) -> str:
        """Exact to a second for texts that SQLite reads as times."""
        # narrows what the index finds; SQLite reads most ISO forms to a millisecond
        exact = f"julianday({quote(column)}) >= julianday('{moment - timedelta(seconds=1)}')"
        return f"{super().since(table, column, moment)} AND coalesce({exact}, true)"

    def _insert(self, into: str, columns: Sequence[str | None], rest: str) -> None:
        names = ", ".join(quote(column) if column else "NULL" for column in columns)
        query = f"SELECT {names} {rest}"
        self.source.text_factory = str
        try:
            self._stream(into, columns, query)
        except sqlite3.OperationalError as error:
            if "Could not decode" not in str(error):
                raise
            self.work.execute(f"DELETE FROM {into}")
            self.source.text_factory = _decode  # slower, but accepts all bytes
            self._stream(into, columns, query)

    def _stream(self, into: str, columns: Sequence[str | None], query: str) -> None:
        cursor = self.source.execute(query)
        while rows := cursor.fetchmany(_ROWS):
            self.work.register("fetched", _arrow(rows, columns))
            self.work.execute(f"INSERT INTO {into} SELECT * FROM fetched")
            self.work.unregister("fetched")


def _decode(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def _text(value: Any) -> str | None:
    """Numbers with all their digits; bytes in PostgreSQL's notation."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return repr(value)


def _arrow(rows: list[tuple[Any, ...]], columns: Sequence[str | None]) -> Any:
    import pyarrow as pa

    originals: list[bytes | None] = [None] * len(rows)
    arrays = []
    for values in zip(*rows, strict=True):
        kinds = set(map(type, values)) - {type(None)}
        if kinds == {int}:
            arrays.append(pa.array(values, pa.int64()).cast(pa.string()))
            continue
        texts = values if kinds == {str} else [_text(value) for value in values]
        try:
            arrays.append(pa.array(texts, pa.string()))
        except UnicodeEncodeError:
            plain = [text and _replaced(text) for text in texts]
            arrays.append(pa.array(plain, pa.string()))
            for index, (text, replaced) in enumerate(zip(texts, plain, strict=True)):
                if text != replaced:
                    row = dict(zip(columns, map(_text, rows[index]), strict=True))
                    line = json.dumps(row, ensure_ascii=False)
                    originals[index] = line.encode(errors="surrogateescape")
    names = [f"c{index}" for index in range(len(columns))]
    return pa.table([*arrays, pa.array(originals, pa.binary())], names=[*names, "_bytes"])


def _replaced(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")
