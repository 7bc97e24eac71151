"""What makes dbt a writer of the lake: its lock, and its connection.

A dbt-duckdb plugin, named in `dbt_project/profiles.yml`. Inside a run of the graph a
`WritingSession` has the lock. A `dbt build` typed by hand takes it here and keeps it until its
process ends. What dbt computes does not concern this file.
"""

from contextlib import ExitStack
from functools import cache
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from lakehouse.errors import LakehouseError
from lakehouse.lake import attach_writer, write_lock
from lakehouse.orchestration.dbt.session import WritingSession
from lakehouse.redacted_output import guard_process
from lakehouse.settings import Settings, load_settings

_held = ExitStack()


@cache
def hold_lock(settings: Settings) -> None:
    """Take the write lock once, for as long as the process lives; the operating system frees it."""
    _held.enter_context(write_lock(settings, "dbt"))


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
