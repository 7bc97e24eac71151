"""What makes a dbt process a writer of the lake: its lock, and its connection.

A dbt-duckdb plugin, named in `dbt_project/profiles.yml`. The lock is taken inside the dbt process,
so that it outlives a killed parent and guards a `dbt build` typed by hand. What dbt computes is no
matter of this file.
"""

from contextlib import ExitStack
from functools import cache
from typing import Any

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError

from lakehouse.errors import LakehouseError
from lakehouse.lake.connection import configure
from lakehouse.lake.lake import create_missing, make_folders
from lakehouse.lake.lock import write_lock
from lakehouse.lake.progress import create_table
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
        try:
            self.settings = load_settings()
            hold_lock(self.settings)
        except LakehouseError as error:
            raise DbtRuntimeError(str(error)) from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Attach the lake as everybody else does, and make what is missing in it."""
        make_folders(self.settings)
        configure(conn, self.settings)
        create_missing(conn)
        create_table(conn)
