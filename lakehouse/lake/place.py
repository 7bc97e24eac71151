"""The location of a lake's files: a prefix of its own below the storage in the settings.

The catalog records where it was created. `ownership.py` decides who owns the prefix.
"""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lakehouse.lake.names import literal
from lakehouse.settings import Settings

_OWN_PREFIX = re.compile(r"lake-[0-9a-f]{32}")


@dataclass(frozen=True)
class Place:
    """`prefix` has no trailing slash; `exists`: whether there is a lake already."""

    prefix: str
    encrypted: bool
    exists: bool

    @property
    def is_own(self) -> bool:
        """Whether the prefix is unique to this lake; older releases used the storage itself."""
        return bool(_OWN_PREFIX.fullmatch(self.prefix.rsplit("/", 1)[-1]))


def find_place(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Place:
    """The location of the lake of `settings`, or the one for a new lake.

    A lake may have been moved with its storage: only the last part of the recorded path counts.
    """
    storage = settings.storage.rstrip("/")
    recorded = (_read_sqlite_metadata if settings.embedded else _read_postgres_metadata)(
        connection, settings
    )
    if not recorded:
        return Place(f"{storage}/lake-{uuid.uuid4().hex}", settings.encrypted, exists=False)
    last = recorded["data_path"].rstrip("/").rsplit("/", 1)[-1]
    prefix = f"{storage}/{last}" if _OWN_PREFIX.fullmatch(last) else storage
    return Place(prefix, recorded.get("encrypted") == "true", exists=True)


def _read_sqlite_metadata(
    connection: duckdb.DuckDBPyConnection, settings: Settings
) -> dict[str, str]:
    catalog = settings.catalog.removeprefix("sqlite:")
    # Read with DuckDB's own SQLite: a second one in this process would drop the locks of the first.
    if not Path(catalog).exists() or not Path(catalog).stat().st_size:
        return {}
    table = "SELECT name FROM sqlite_scan(?, 'sqlite_master') WHERE name = 'ducklake_metadata'"
    if not connection.execute(table, [catalog]).fetchall():
        return {}
    rows = connection.execute(
        "SELECT key, value FROM sqlite_scan(?, 'ducklake_metadata')", [catalog]
    )
    return dict(rows.fetchall())


def _read_postgres_metadata(
    connection: duckdb.DuckDBPyConnection, settings: Settings
) -> dict[str, str]:
    address = literal(settings.catalog.removeprefix("postgres:"))
    connection.execute(f"ATTACH {address} AS catalog_place (TYPE postgres, READ_ONLY)")
    try:
        query = "FROM postgres_query('catalog_place', ?)"
        exists = "SELECT to_regclass('ducklake_metadata') IS NOT NULL"
        if connection.execute(query, [exists]).fetchall() != [(True,)]:
            return {}
        rows = connection.execute(query, ["SELECT key, value FROM ducklake_metadata"])
        return dict(rows.fetchall())
    finally:
        connection.execute("DETACH catalog_place")
