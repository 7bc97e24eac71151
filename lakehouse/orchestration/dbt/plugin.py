"""Make dbt a writer of the lake: the write lock and the connection.

A dbt-duckdb plugin, named in `dbt_project/profiles.yml`. Inside a run of the graph, a
`WritingSession` holds the lock. A manual `dbt build` takes it here and keeps it until its process
ends. This file does not affect what dbt computes.
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
    """Take the write lock once, for the life of the process; the operating system releases it."""
    _held.enter_context(write_lock(settings, "dbt"))


class Plugin(BasePlugin):
    """Wait for the write lock, and attach the lake before dbt checks its own attachments."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the write lock; a failure reaches dbt as one sentence, not a traceback."""
        if WritingSession.current:
            self.settings = WritingSession.current.settings
            return
        guard_process()  # for a manual dbt run
        try:
            self.settings = load_settings()
            hold_lock(self.settings)
        except LakehouseError as error:
            raise DbtRuntimeError(str(error)) from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Attach the lake like every other writer, and create the schemas it lacks."""
        try:
            attach_writer(conn, self.settings)
        except LakehouseError as error:
            raise DbtRuntimeError(str(error)) from error
        self.configure_cursor(conn)

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Register each connection that dbt works on with the session, if there is one."""
        if WritingSession.current:
            WritingSession.current.opened(cursor)
