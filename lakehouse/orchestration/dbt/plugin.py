"""What makes dbt a writer of the lake: its lock, and its connection.

A dbt-duckdb plugin, named in `dbt_project/profiles.yml`. Inside a run of the graph,
`WritingSession` lends dbt the lock and takes back all that it opened. A `dbt build` typed by hand
takes the lock itself and keeps it until its process ends. What dbt computes is no matter of this
file.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import Any, ClassVar

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from lakehouse.errors import LakehouseError
from lakehouse.lake import attach_writer, hash_commits, roll_back, write_lock
from lakehouse.redacted_output import guard_process
from lakehouse.settings import Settings, load_settings

_held = ExitStack()


@cache
def hold_lock(settings: Settings) -> None:
    """Take the write lock once, for as long as the process lives; the operating system frees it."""
    _held.enter_context(write_lock(settings, "dbt"))


class WritingSession:
    """The write lock for a dbt that runs inside this process, in the thread that holds it.

    One at a time, as dbt keeps its adapter and its flags for the whole process.
    """

    current: ClassVar["WritingSession | None"] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stopped = False
        self._opened: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the lock while dbt runs; at the end all that it opened is closed.

        Raises:
            LakeBusy: when another process keeps the lock for longer than the settings allow.
        """
        with write_lock(self.settings, "dbt"):
            WritingSession.current = self
            try:
                yield
            finally:
                WritingSession.current = None
                self._hash_commits()
                for connection in reversed(self._opened):
                    roll_back(connection)
                    connection.close()
                DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]

    def _hash_commits(self) -> None:
        """Take the hashes of what dbt wrote; the next commit does it for a dbt that was stopped."""
        if self._opened and not self._stopped:
            with suppress(duckdb.Error):  # dbt has closed it, after an error
                hash_commits(self._opened[0], self.settings)

    def stop(self) -> None:
        """End the query that runs, and let no other begin: dbt then comes to its end by itself."""
        self._stopped = True
        for connection in [*self._opened]:
            with suppress(duckdb.Error):  # closed already
                connection.interrupt()

    def opened(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remember a connection of dbt's, unless nothing shall run any more."""
        self._opened.append(connection)
        if self._stopped:
            raise DbtRuntimeError("the run was stopped")


class Plugin(BasePlugin):
    """Waits for the write lock, and attaches the lake before dbt looks at its own attachments."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the write lock; what prevents it reaches dbt as one sentence, not a traceback."""
        if WritingSession.current:
            self.settings = WritingSession.current.settings
            return
        guard_process()  # a dbt that was typed by hand
        try:
            self.settings = load_settings()
            hold_lock(self.settings)
        except LakehouseError as error:
            raise DbtRuntimeError(str(error)) from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Attach the lake as everybody else does, and make what is missing in it."""
        try:
            attach_writer(conn, self.settings)
        except LakehouseError as error:
            raise DbtRuntimeError(str(error)) from error
        self.configure_cursor(conn)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Tell the session, if there is one, of each connection that dbt works on."""
        if WritingSession.current:
            WritingSession.current.opened(cursor)
