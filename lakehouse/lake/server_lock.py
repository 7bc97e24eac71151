"""The write lock of a lake whose catalog is in PostgreSQL: an advisory lock of that server.

It is held by an open transaction on a connection of its own, through DuckDB's own PostgreSQL
client. A transaction, because that client resets a connection between two of them, and because it
also holds behind a pooler. Nothing is read or written in it, so it keeps no old rows alive. The
server ends it when the process dies. How long to wait is `lock.py`'s.
"""

import hashlib
import threading
from contextlib import suppress
from functools import cache
from typing import Any

import duckdb

from lakehouse.errors import Transient
from lakehouse.lake.connection import connect, load_extensions
from lakehouse.lake.names import literal
from lakehouse.redaction import redact

KEY = int.from_bytes(hashlib.sha256(b"lakehouse: write lock").digest()[:8], signed=True)
"""The server keeps advisory locks by database, and a database holds one catalog; so one key does,
and two spellings of one address cannot miss each other."""
NAME_BYTES = 63
"""The most that the server keeps of an application's name."""
_SESSION = {"idle_in_transaction_session_timeout": "0", "tcp_keepalives_idle": "60"}
"""The lock must outlive idling, and fall within minutes when its holder's machine vanishes."""
_threads = threading.local()


class CatalogDown(Transient):
    """The server that keeps the catalog does not answer."""


class ServerLock:
    """One thread's hold on the lock of one catalog; it counts how often it was acquired."""

    def __init__(self, catalog: str) -> None:
        self._catalog = catalog
        self._depth = 0
        self._session = self._open()

    @classmethod
    def of_thread(cls, catalog: str) -> "ServerLock":
        """The lock of `catalog` for the thread that asks: the same one each time."""
        locks: dict[str, ServerLock] = _threads.__dict__.setdefault("locks", {})
        if catalog not in locks:
            locks[catalog] = cls(catalog)
        return locks[catalog]

    def acquire(self, me: str) -> bool:
        """Whether the lock is held now; does not wait. The server shows `me` to others."""
        if self._depth == 0 and not self._try(me):
            return False
        self._depth += 1
        return True

    def release(self) -> None:
        """Give back what `acquire` gave; the last one frees the lock."""
        self._depth -= 1
        if self._depth == 0:
            self._end()

    def holder(self) -> str:
        """What its holder calls itself, and from where; nothing if it was freed just now."""
        rows = self._ask(
            "SELECT concat_ws(' at ', application_name, host(client_addr)) "
            "FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            f"AND (classid::bigint << 32 | objid::bigint) = {KEY}"
        )
        return str(rows[0][0]) if rows else ""

    def _try(self, me: str) -> bool:
        name = me.encode(errors="replace")[-NAME_BYTES:].decode(errors="replace")
        values = {**_SESSION, "application_name": name}
        settings = ", ".join(
            f"set_config({literal(setting)}, {literal(value)}, true) AS {setting}"
            for setting, value in values.items()
        )
        taken = False
        try:
            self._session.execute("BEGIN")
            taken = bool(self._ask(f"SELECT pg_try_advisory_xact_lock({KEY}), {settings}")[0][0])
        finally:
            if not taken:
                self._end()
        return taken

    def _ask(self, query: str) -> list[Any]:
        try:
            return self._session.execute(
                "FROM postgres_query('catalog_server', ?)", [query]
            ).fetchall()
        except duckdb.Error as error:
            raise _down(self._catalog, error) from error

    def _end(self) -> None:
        # a session that is gone has freed the lock already
        with suppress(duckdb.Error):
            self._session.execute("ROLLBACK")

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            return _client(self._catalog).cursor()
        except duckdb.Error as error:
            raise _down(self._catalog, error) from error


@cache
def _client(catalog: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB for nothing but the lock; every cursor in a transaction is a session of its own."""
    client = connect(threads=1)
    load_extensions(client, "postgres_scanner")
    address = literal(catalog.removeprefix("postgres:"))
    client.execute(
        f"ATTACH {address} AS catalog_server "
        "(TYPE postgres, READ_ONLY, ISOLATION_LEVEL 'READ COMMITTED')"
    )
    return client


def _down(catalog: str, error: duckdb.Error) -> CatalogDown:
    said = " ".join(redact(str(error)).split())
    return CatalogDown(
        f"the catalog's server does not answer ({catalog}): {said}. "
        "See that it is up and that LAKEHOUSE_CATALOG is right"
    )
