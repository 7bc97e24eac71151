"""The write lock of a lake with a PostgreSQL catalog: an advisory lock of that server.

An open transaction on a separate connection holds it. A transaction, because a pooler may give the
session to another client between two of them. It reads and writes nothing, so it keeps no old rows
alive. The server ends it when the process dies. `lock.py` decides how long to wait.
"""

import hashlib
from contextlib import suppress
from typing import Any

from lakehouse.errors import Transient
from lakehouse.redaction import redact

KEY = int.from_bytes(hashlib.sha256(b"lakehouse: write lock").digest()[:8], signed=True)
"""The key: the server keeps advisory locks by database, and a database holds one catalog.

One constant key works for every spelling of the server's address.
"""
MAX_NAME_BYTES = 63
"""The maximum length of an application name in PostgreSQL."""
# it must survive idle time, and end within minutes when its holder's machine vanishes
_ACQUIRE = """SELECT pg_try_advisory_xact_lock(%s), set_config('application_name', %s, true),
    set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('tcp_keepalives_idle', '60', true)"""
_HOLDER = """SELECT concat_ws(' at ', application_name, host(client_addr))
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = %s"""


class CatalogDown(Transient):
    """The server of the catalog does not answer."""


class ServerLock:
    """A connection to a catalog's server that can hold its lock once, until `close`."""

    def __init__(self, catalog: str) -> None:
        import psycopg  # 0.1 s, needed only with a server catalog

        self._catalog = catalog
        self._errors = psycopg.Error
        try:
            # inline values: a portal of the extended protocol would keep its snapshot open
            self._session = psycopg.connect(
                catalog.removeprefix("postgres:"), cursor_factory=psycopg.ClientCursor
            )
        except psycopg.Error as error:
            raise self._down_error(error) from error

    def acquire(self, holder: str) -> bool:
        """Try to take the lock without waiting; return whether it succeeded.

        The server shows `holder` to other clients.
        """
        name = holder.encode(errors="replace")[-MAX_NAME_BYTES:].decode(errors="replace")
        is_held = bool(self._fetch_value(_ACQUIRE, KEY, name))
        if not is_held:
            self._session.rollback()
        return is_held

    def holder(self) -> str:
        """The holder's name and address; empty if the lock was just released."""
        return str(self._fetch_value(_HOLDER, KEY) or "")

    def close(self) -> None:
        """Release the lock, if it is held, and close the connection."""
        with suppress(self._errors):  # a lost session has released the lock already
            self._session.rollback()
        self._session.close()

    def _fetch_value(self, query: str, *parameters: object) -> Any:
        """The first value of the answer; None when it is empty."""
        try:
            row = self._session.execute(query, parameters).fetchone()
        except self._errors as error:
            raise self._down_error(error) from error
        return row and row[0]

    def _down_error(self, error: Exception) -> CatalogDown:
        return CatalogDown(
            f"the catalog's server does not answer ({self._catalog}): "
            f"{' '.join(redact(str(error)).split())}. "
            "Check that it is running and that LAKEHOUSE_CATALOG is correct"
        )
