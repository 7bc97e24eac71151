"""What a run of the graph shares with dbt: the write lock, and the connections that dbt opens.

A session can be created, and stopped, before dbt is imported.
"""

from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import Any, ClassVar

import duckdb

from lakehouse.lake import hash_commits, roll_back, write_lock
from lakehouse.settings import Settings

INTERRUPT_PAUSE = 0.1
"""Seconds between two interrupts of a dbt that is being stopped."""


class WritingSession:
    """The write lock for a dbt that runs inside this process, in the thread that holds it.

    One at a time, because dbt keeps its adapter and its flags per process.
    """

    current: ClassVar["WritingSession | None"] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopped = False
        self._opened: list[duckdb.DuckDBPyConnection] = []
        self._interrupting = Lock()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the lock while dbt runs; then close all connections that it opened.

        Raises:
            LakeBusy: when another process keeps the lock for longer than the settings allow.
        """
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        with write_lock(self.settings, "dbt", is_cancelled=lambda: self.stopped):
            WritingSession.current = self
            try:
                yield
            finally:
                WritingSession.current = None
                self._hash_commits()
                with self._interrupting:
                    opened, self._opened = self._opened, []
                for connection in reversed(opened):
                    roll_back(connection)
                    connection.close()
                DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]

    def _hash_commits(self) -> None:
        """Hash the files that dbt wrote; if dbt was stopped, the next commit does it."""
        if self._opened and not self.stopped:
            with suppress(duckdb.Error):  # dbt has closed it, after an error
                hash_commits(self._opened[0], self.settings)

    def stop(self, running: Future[Any]) -> None:
        """Let dbt, whose result is `running`, end: no new connection, no query that goes on.

        Returns at once; a thread interrupts its queries until it has ended, because an interrupt
        between two queries has no effect.
        """
        self.stopped = True
        Thread(target=self._interrupt_until_done, args=[running], daemon=True).start()

    def _interrupt_until_done(self, running: Future[Any]) -> None:
        while not running.done():
            with self._interrupting:
                for connection in self._opened:
                    with suppress(duckdb.Error):  # closed already
                        connection.interrupt()
            wait([running], timeout=INTERRUPT_PAUSE)

    def opened(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Register a connection of dbt's; interrupt it if the session was stopped."""
        from dbt_common.exceptions import DbtRuntimeError

        with self._interrupting:
            self._opened.append(connection)
        if self.stopped:
            raise DbtRuntimeError("the run was stopped")
