"""The lake's interface for the rest of the package: readers, writers, tables, snapshots."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from lakehouse.lake.columns import read_columns
from lakehouse.lake.connection import open_connection, roll_back
from lakehouse.lake.errors import LakeError as LakeError  # re-exported
from lakehouse.lake.hashes import hash_commit
from lakehouse.lake.interrupts import Interrupts
from lakehouse.lake.layout import LAYERS
from lakehouse.lake.lock import write_lock
from lakehouse.lake.names import CATALOG, qualified, quote
from lakehouse.lake.place import find_place
from lakehouse.lake.storage import Storage
from lakehouse.settings import Settings

LOOK_UP_SECONDS = 60.0
"""Seconds to wait, after a lost connection during a commit, for the server to come back."""
LOOK_UP_PAUSE = 1.0


class CommitInDoubt(LakeError):
    """A commit whose outcome is unknown, because the catalog's server does not answer."""


class NoSuchTable(LakeError):
    """A table that is not (yet) in the lake."""


@cache
def code_version() -> str:
    """The version of this package, recorded with every commit."""
    return version("lakehouse")


@dataclass(frozen=True)
class Author:
    """The author of a commit, kept in the snapshot permanently."""

    asset: str
    run_id: str = ""
    message: str = ""


class Lake:
    """One open lake. Queries are cheap, opening is costly (0.12 s): keep it and share it.

    Every `reader` and `writer` is a separate cursor. Write from one thread: with three, DuckDB
    1.5.5 aborted in a commit about once in thirty runs.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self.settings = settings
        self.read_only = read_only
        self._opening = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._interrupts = Interrupts()
        self._prefix: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalog and the files; the next use opens them again."""
        with self._opening:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if self._connection is None:
                with self._interrupts.guard():
                    self._connection = self._open()
            return self._connection.cursor()

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self.read_only and self.settings.embedded:
            catalog = Path(self.settings.catalog.removeprefix("sqlite:"))
            if not catalog.exists():
                raise LakeError(
                    f"there is no lake at {catalog} yet; create one with `lakehouse run`"
                )
        make_folders(self.settings)
        try:
            if self.read_only:
                return open_connection(self.settings, read_only=True)
            with write_lock(self.settings, "opening the lake"):
                connection = open_connection(self.settings)
                create_missing(connection)
                return connection
        except duckdb.Error as error:
            raise LakeError(
                f"cannot open the lake with catalog {self.settings.catalog} "
                f"and storage {self.settings.storage}: {error}"
            ) from error

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on one snapshot of the lake, the newest at its first query.

        Closing it drops its temporary tables. After an error it cannot be used again.
        """
        with self.cursor() as cursor:
            _begin(cursor)
            yield cursor

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that continues after its own commits: each query reads the newest snapshot.

        Table names need the catalog prefix. A query takes twice as long as with a `reader`.
        """
        cursor = self._cursor()
        try:
            with self._interrupts.guard(cursor):
                yield cursor
        finally:
            roll_back(cursor)
            cursor.close()

    @contextmanager
    def writer(
        self, author: Author, cursor: duckdb.DuckDBPyConnection | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor inside one transaction under the write lock: all of it is committed, or nothing.

        Keep it short: compute into temporary tables before the first write. To use them here, pass
        the `cursor` that created them. A transaction without changes makes no snapshot.
        """
        with (
            write_lock(self.settings, author.asset),
            nullcontext(cursor) if cursor else self.cursor() as chosen,
        ):
            storage = self.storage(chosen)
            try:
                _begin(chosen)
                yield chosen
                commit_id = sign(chosen, author)
                self._interrupts.reraise()
                self._commit(chosen, author, commit_id)
                hash_commit(chosen, storage)
            except BaseException:
                roll_back(chosen)
                raise

    def _commit(self, cursor: duckdb.DuckDBPyConnection, author: Author, commit_id: str) -> None:
        """Commit; if the server's answer was lost, find out whether the commit succeeded.

        Retrying a commit that succeeded writes everything twice.

        Raises:
            CommitInDoubt: when the server does not answer.
        """
        try:
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            roll_back(cursor)
            if self.settings.embedded or not self._has_commit(commit_id, author, error):
                raise

    def _has_commit(self, commit_id: str, author: Author, error: duckdb.Error) -> bool:
        """Whether the catalog has the commit, checked on a separate connection."""
        deadline = time.monotonic() + LOOK_UP_SECONDS
        while True:
            try:
                with closing(open_connection(self.settings, read_only=True)) as connection:
                    query = (
                        f"SELECT count(*) FROM {CATALOG}.snapshots() "
                        "WHERE contains(commit_extra_info, ?)"
                    )
                    return bool(fetch_value(connection, query, [commit_id]))
            except duckdb.Error as lookup_error:
                if time.monotonic() > deadline:
                    raise CommitInDoubt(
                        f"it is unknown whether {author.asset} was written: the connection to the "
                        f"catalog's server was lost during the commit {commit_id} ({error}), and "
                        f"the server has not answered for {LOOK_UP_SECONDS:g} s ({lookup_error}). "
                        "When it is up again, run this again: it continues from the last commit"
                    ) from None  # with a lost connection as its cause it would be retried
                time.sleep(LOOK_UP_PAUSE)

    def storage(self, cursor: duckdb.DuckDBPyConnection) -> Storage:
        """The prefix of the lake's files."""
        if self._prefix is None:
            self._prefix = find_place(cursor, self.settings).prefix
        return Storage(cursor, self._prefix)

    def exists(self, table: str) -> bool:
        """Whether `schema.table` is a table or view of the lake."""
        with self.reader() as cursor:
            return table_exists(cursor, table)

    def rows(self, table: str) -> int:
        """The number of rows of `schema.table`. Raises `NoSuchTable`."""
        with self.reader() as cursor:
            if not table_exists(cursor, table):
                raise NoSuchTable(f"there is no table {table} in the lake; see `lakehouse tables`")
            return int(fetch_value(cursor, f"SELECT count(*) FROM {qualified(table)}"))

    def snapshot(self) -> int:
        """The id of the newest snapshot."""
        with self.reader() as cursor:
            return current_snapshot(cursor)


def current_snapshot(cursor: duckdb.DuckDBPyConnection) -> int:
    """The id of the snapshot that this cursor's transaction reads."""
    return int(fetch_value(cursor, f"FROM {quote(CATALOG)}.current_snapshot()"))


def _begin(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("BEGIN")
    cursor.execute(f"USE {CATALOG}")


def sign(cursor: duckdb.DuckDBPyConnection, author: Author) -> str:
    """Record the author of the open transaction; return an id by which to find its commit later."""
    commit_id = uuid.uuid4().hex
    signed = {**asdict(author), "code_version": code_version(), "commit_id": commit_id}
    extra = json.dumps(signed)
    cursor.execute(
        f"CALL {quote(CATALOG)}.set_commit_message(?, ?, extra_info => ?)",
        [author.asset, author.message or f"write {author.asset}", extra],
    )
    return commit_id


def table_exists(cursor: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether `schema.table` exists in this cursor's transaction.

    False for a view whose table is gone.
    """
    try:
        return bool(read_columns(cursor, table))
    except duckdb.BinderException:  # a view whose columns are gone
        return False


def fetch_value(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None
) -> Any:
    """The first column of the first row. Raises an error when there is no row."""
    row = cursor.execute(query, parameters).fetchone()
    if row is None:
        raise LakeError(f"this query returned no row: {query}")
    return row[0]


def make_folders(settings: Settings) -> None:
    """Create the local folders that the catalog and the files need."""
    if settings.embedded:
        Path(settings.catalog.removeprefix("sqlite:")).parent.mkdir(parents=True, exist_ok=True)
    if "://" not in settings.storage:
        Path(settings.storage).mkdir(parents=True, exist_ok=True)


def create_missing(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas that the lake lacks."""
    query = "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = ?"
    present = {name for (name,) in connection.execute(query, [CATALOG]).fetchall()}
    if not present.issuperset(LAYERS):
        try:
            connection.execute("BEGIN")
            for schema in LAYERS:
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(CATALOG)}.{quote(schema)}")
            connection.execute("COMMIT")
        except BaseException:
            roll_back(connection)
            raise
