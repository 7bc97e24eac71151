"""A data folder, and the `lakehouse` command on it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lakehouse.lake import Lake, fetch_value
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Project:
    """A person with a terminal."""

    settings: Settings

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("lakehouse")), *arguments],
            env={
                **os.environ,
                "LAKEHOUSE_DATA_DIR": str(self.settings.data_dir),
                "LAKEHOUSE_THREADS": "0",  # one per core, as in normal use
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
        )

    def snapshot(self) -> int:
        """The newest commit of an asset. Daily maintenance, which may be due, signs none."""
        with Lake(self.settings, read_only=True) as lake, lake.reader() as cursor:
            query = "SELECT max(snapshot_id) FROM lake.snapshots() WHERE author IS NOT NULL"
            return int(fetch_value(cursor, query))

    def content(self) -> dict[str, str]:
        """A hash of every table's rows, in any order; without bookkeeping and run ids.

        Predictions are the current ones: superseded rows and the numbers of decisions stay out,
        because a redo adds to them.
        """
        with Lake(self.settings, read_only=True) as lake, lake.reader() as cursor:
            tables = cursor.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
                "WHERE database_name = 'lake' "
                "AND schema_name NOT IN ('ops', 'registry', 'predictions') "
                "UNION SELECT schema_name || '.' || view_name FROM duckdb_views() "
                "WHERE database_name = 'lake' AND schema_name = 'predictions'"
            ).fetchall()
            return {
                name: str(
                    cursor.execute(
                        "SELECT count(*), sum(hash(t)) FROM (SELECT "
                        "COLUMNS(c -> c NOT IN ('run_id', 'scored_at', '_decision')) "
                        f"FROM {name}) AS t"
                    ).fetchone()
                )
                for (name,) in sorted(tables)
            }
