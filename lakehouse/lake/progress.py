"""The progress of each table: increments instead of partitions.

Every table after raw keeps the last load id that it has processed and the time up to which it is
complete, committed together with its rows. A macro writes the same rows for dbt models.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from lakehouse.lake.lake import table_exists
from lakehouse.lake.layout import PROGRESS
from lakehouse.lake.names import qualified


@dataclass(frozen=True)
class Progress:
    """`load_id`: the last processed load; `seal`: complete up to here (UTC, naive), inclusive."""

    load_id: int
    seal: datetime | None


NO_PROGRESS = Progress(load_id=0, seal=None)
ALWAYS = datetime(9999, 12, 31)
"""The seal of a table that nothing waits for: static lookups, and tables made of them alone.

The macros know it as `always`. The seals of the files, in the manifest, stay real times.
"""


def describe_seal(seal: datetime | None) -> str:
    """Up to when a table is complete, as the end of a sentence that begins with its name."""
    if seal == ALWAYS:
        return "is a static lookup"
    return f"is complete until {seal}" if seal else "has no seal yet"


def create_table(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the progress table if it does not exist."""
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(PROGRESS)} "
        "(name VARCHAR, load_id BIGINT, seal TIMESTAMP, updated_at TIMESTAMP)"
    )


def read_progress(cursor: duckdb.DuckDBPyConnection, name: str) -> Progress:
    """The progress of the table `name` (`schema.table`); `NO_PROGRESS` if there is none."""
    return all_progress(cursor)[name]


def all_progress(cursor: duckdb.DuckDBPyConnection) -> Mapping[str, Progress]:
    """The progress of every table; `NO_PROGRESS` for tables without any."""
    found: defaultdict[str, Progress] = defaultdict(lambda: NO_PROGRESS)
    if table_exists(cursor, PROGRESS):
        rows = cursor.execute(f"SELECT name, load_id, seal FROM {qualified(PROGRESS)}").fetchall()
        found |= {name: Progress(load_id, seal) for name, load_id, seal in rows}
    return found


def last_load(cursor: duckdb.DuckDBPyConnection) -> int:
    """The newest load that any table has processed; 0 in a lake without loads."""
    return max((progress.load_id for progress in all_progress(cursor).values()), default=0)


def write_progress(cursor: duckdb.DuckDBPyConnection, name: str, progress: Progress) -> None:
    """Record `progress` in the open transaction; the same progress again changes nothing."""
    create_table(cursor)
    if read_progress(cursor, name) == progress:
        return
    cursor.execute(f"DELETE FROM {qualified(PROGRESS)} WHERE name = ?", [name])
    cursor.execute(
        f"INSERT INTO {qualified(PROGRESS)} VALUES (?, ?, ?, current_localtimestamp())",
        [name, progress.load_id, progress.seal],
    )
