"""What a run of the graph shares with dbt: the write lock, and the connections that dbt opens.

A session can be created, and stopped, before dbt is imported.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

import duckdb

from lakehouse.lake import hash_commits, roll_back, write_lock
from lakehouse.settings import Settings


class WritingSession:
    """The write lock for a dbt that runs inside this process, in the thread that holds it.

    One at a time, because dbt keeps its adapter and its flags per process.
    """

    current: ClassVar["WritingSession | None"] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopped = False
        self._opened: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the lock while dbt runs; then close all connections that it opened.

        Raises:
            LakeBusy: when another process keeps the lock for longer than the settings allow.
        """
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

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
        """Hash the files that dbt wrote; if dbt was stopped, the next commit does it."""
        if self._opened and not self.stopped:
            with suppress(duckdb.Error):  # dbt has closed it, after an error
                hash_commits(self._opened[0], self.settings)

    def stop(self) -> None:
        """Interrupt the running query and prevent new ones: dbt then ends on its own."""
        self.stopped = True
        for connection in [*self._opened]:
            with suppress(duckdb.Error):  # closed already
                connection.interrupt()

    def opened(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Register a connection of dbt's; interrupt it if the session was stopped."""
        from dbt_common.exceptions import DbtRuntimeError

        self._opened.append(connection)
        if self.stopped:
            raise DbtRuntimeError("the run was stopped")
