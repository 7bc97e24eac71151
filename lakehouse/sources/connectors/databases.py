"""The databases themselves: opened for reading, in one transaction, every value fetched as text.

The text is the one that loses nothing, and each value's own: SQLite has no types for columns, and a
PostgreSQL `numeric` or `infinity` fits no type of DuckDB's. What a text is worth is for the
contract to judge. Which rows to fetch is for `database.py`.
"""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent

import duckdb

from lakehouse.lake import literal, quote
from lakehouse.lake.connection import (
    connect,
    load_extensions,
    roll_back,
    spill_folder,
    use_object_storage,
)
from lakehouse.lake.transient import may_pass
from lakehouse.settings import Settings
from lakehouse.sources.errors import SourceAway, SourceDown, SpecError
from lakehouse.sources.places import resolve
from lakehouse.sources.spec import DatabaseConnector

_ROWS = 5_000
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# in the transaction only; a server may be set to other forms, some of which lose digits
_FORMS = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}


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

    def since(self, table: str, column: str, moment: datetime) -> str:
        """A WHERE that the database can use an index for, and that loses nothing.

        It keeps all rows whose `column` is at or after `moment` (UTC, naive), and others.
        """
        # times may be text of any ISO form, in any zone: a day less suits them all
        return f"WHERE {quote(column)} >= '{moment - timedelta(days=1):%Y-%m-%d}'"

    @abstractmethod
    def _insert(self, into: str, columns: Sequence[str | None], rest: str) -> None: ...


class _Sqlite(Database):
    """By Python's own module: DuckDB's scanner stops at text in a column of integers."""

    def __init__(self, work: duckdb.DuckDBPyConnection, path: str) -> None:
        super().__init__(work)
        address = f"file:{percent(path)}?mode=ro"
        self.source = sqlite3.connect(address, uri=True, isolation_level=None)
        self.source.execute("BEGIN")

    def columns(self, table: str) -> list[str]:
        found = self.source.execute(f"SELECT * FROM {table_name(table)} LIMIT 0")
        return [column[0] for column in found.description]

    def ask(self, query: str) -> str | None:
        row = self.source.execute(query).fetchone()
        return _text(row[0]) if row else None

    def since(self, table: str, column: str, moment: datetime) -> str:
        # of those that an index finds; SQLite tells times of most ISO forms to a millisecond
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
            self.source.text_factory = _decode  # slower, and takes all bytes
            self._stream(into, columns, query)

    def _stream(self, into: str, columns: Sequence[str | None], query: str) -> None:
        cursor = self.source.execute(query)
        while rows := cursor.fetchmany(_ROWS):
            self.work.register("fetched", _arrow(rows, columns))
            self.work.execute(f"INSERT INTO {into} SELECT * FROM fetched")
            self.work.unregister("fetched")


class _Postgres(Database):
    """By DuckDB's scanner: each value becomes text on the server, before any other type."""

    def __init__(self, work: duckdb.DuckDBPyConnection, url: str) -> None:
        super().__init__(work)
        load_extensions(work, "postgres_scanner")
        work.execute(f"ATTACH {literal(url)} AS source (TYPE postgres, READ_ONLY)")
        work.execute("BEGIN")
        forms = ", ".join(
            f"set_config({literal(name)}, {literal(value)}, true) AS {quote(name)}"
            for name, value in _FORMS.items()
        )
        work.execute(f"FROM {_native('SELECT ' + forms)}").fetchall()

    def columns(self, table: str) -> list[str]:
        return list(self._types(table))

    def ask(self, query: str) -> str | None:
        query = f"SELECT CAST(value AS text) AS value FROM ({query}\n) AS answer(value)"
        row = self.work.execute(f"SELECT value FROM {_native(query)}").fetchone()
        return row[0] if row else None

    def since(self, table: str, column: str, moment: datetime) -> str:
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


@contextmanager
def open_database(connector: DatabaseConnector, settings: Settings) -> Iterator[Database]:
    """The database at the connector's address, in one read-only transaction.

    Raises:
        SourceDown: when it cannot be reached or read; also from the block that uses it.
    """
    url = resolve(connector.url, settings)
    work = connect()
    source: Database | None = None
    try:
        use_object_storage(work, settings)
        work.execute("SET TimeZone = 'UTC'")
        work.execute(f"SET memory_limit = {literal(settings.memory_limit)}")
        work.execute(f"SET temp_directory = {literal(str(spill_folder(settings)))}")
        source = _open(work, url)
        yield source
    except (duckdb.Error, sqlite3.Error) as error:
        passes = may_pass(error) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
        problem = SourceAway if passes else SourceDown
        raise problem(
            f"cannot read {connector.table} of the database {url}: "
            f"{error}. See that it is up and that the address is right"
        ) from error
    finally:
        if isinstance(source, _Sqlite):
            source.source.close()
        roll_back(work)
        work.close()


def table_name(name: str) -> str:
    """`schema.table` with quotes, as either database takes it."""
    return ".".join(map(quote, name.split(".")))


def _open(work: duckdb.DuckDBPyConnection, url: str) -> Database:
    if url.startswith("sqlite:"):
        path = url.removeprefix("sqlite:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not Path(path).is_file():
            raise SourceDown(
                f"there is no database at {path}: make the embedded world with `lakehouse "
                "simulate`, or put another address into the source's `url`"
            )
        return _Sqlite(work, path)
    if url.startswith(("postgresql://", "postgres://")):
        return _Postgres(work, url)
    raise SpecError(f"{url!r} is neither sqlite:<path> nor postgresql://...")


def _native(query: str) -> str:
    """What PostgreSQL gives for a query that it runs itself, filter and all."""
    return f"postgres_query('source', {literal(query)})"


def _decode(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


def _text(value: Any) -> str | None:
    """Numbers with every digit that they have; bytes as PostgreSQL writes them."""
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
