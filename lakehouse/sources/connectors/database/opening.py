"""Opens a source's database for reading, and reports the cause when it cannot be read."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from lakehouse.lake import (
    connect,
    is_retryable,
    literal,
    roll_back,
    spill_folder,
    use_object_storage,
)
from lakehouse.settings import Settings
from lakehouse.sources.connectors.database.database import Database
from lakehouse.sources.connectors.database.postgres import PostgresDatabase
from lakehouse.sources.connectors.database.sqlite import SqliteDatabase
from lakehouse.sources.errors import SourceDown, SourceUnavailable, SpecError
from lakehouse.sources.places import resolve

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def open_database(address: str, table: str, settings: Settings) -> Iterator[Database]:
    """The database at `address` (as in the YAML), in one read-only transaction.

    `table` is the table to read, for error messages.

    Raises:
        SourceDown: when it cannot be reached or read; also from the block that uses it.
    """
    url = resolve(address, settings)
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
        is_transient = is_retryable(error) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
        error_class = SourceUnavailable if is_transient else SourceDown
        raise error_class(
            f"cannot read {table} of the database {url}: "
            f"{error}. Check that it is running and that the address is right"
        ) from error
    finally:
        if source:
            source.close()
        roll_back(work)
        work.close()


def _open(work: duckdb.DuckDBPyConnection, url: str) -> Database:
    if url.startswith("sqlite:"):
        return SqliteDatabase(work, url)
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresDatabase(work, url)
    raise SpecError(f"{url!r} is neither sqlite:<path> nor postgresql://...")
