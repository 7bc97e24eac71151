"""What the loader remembers in the lake: one row per file it has seen, and the rejected rows.

Written only in the transaction that commits the rows themselves.
"""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Literal

import duckdb

from lakehouse.lake import qualified, quote
from lakehouse.lake.lake import table_exists
from lakehouse.sources.landing import LandedFile

FILES = "ops.files"
QUARANTINE = "quarantine.rows"
COLUMNS = {
    "source": "VARCHAR",
    "file": "VARCHAR",
    "bytes": "BIGINT",
    "modified": "TIMESTAMP",
    "sha256": "VARCHAR",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "load_id": "BIGINT",
    "seal": "TIMESTAMP",
    "rows": "BIGINT",
    "rejected": "BIGINT",
    "loaded_at": "TIMESTAMP",
    "run_id": "VARCHAR",
}


@dataclass(frozen=True)
class Entry:
    """One file as the manifest has it. `seal` is the source's running seal after it (UTC)."""

    source: str
    file: str
    bytes: int
    modified: datetime
    sha256: str
    status: Literal["loaded", "quarantined"]
    reason: str | None
    load_id: int | None
    seal: datetime | None
    rows: int
    rejected: int
    loaded_at: datetime
    run_id: str

    def is_of(self, file: LandedFile) -> bool:
        """Whether size and time say that `file` is what was seen then."""
        return (self.bytes, self.modified) == (file.bytes, file.modified)


def create_tables(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the manifest and the quarantine if they are missing."""
    columns = ", ".join(f"{quote(name)} {type}" for name, type in COLUMNS.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {qualified(FILES)} ({columns})")
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(QUARANTINE)} (source VARCHAR, _file VARCHAR, "
        "_row BIGINT, _load_id BIGINT, reason VARCHAR, column_name VARCHAR, text VARCHAR, "
        "quarantined_at TIMESTAMP)"
    )


def read_entries(cursor: duckdb.DuckDBPyConnection, source: str) -> dict[str, Entry]:
    """The newest entry of every file of `source`, by file; empty before the first load."""
    if not table_exists(cursor, FILES):
        return {}
    found = cursor.execute(
        f"SELECT * FROM {qualified(FILES)} WHERE source = ? "
        "ORDER BY loaded_at, load_id NULLS FIRST",
        [source],
    )
    return {entry.file: entry for entry in (Entry(*row) for row in found.fetchall())}


def last_seal(entries: dict[str, Entry]) -> datetime | None:
    """Up to when a source with these entries is complete; None before its first load."""
    return max((entry.seal for entry in entries.values() if entry.seal), default=None)


def last_load_id(cursor: duckdb.DuckDBPyConnection) -> int:
    """The last load id given to any source, 0 if none was."""
    row = cursor.execute(f"SELECT max(load_id) FROM {qualified(FILES)}").fetchone()
    return row[0] or 0 if row else 0


def write_entries(cursor: duckdb.DuckDBPyConnection, entries: list[Entry]) -> None:
    """Add entries in the open transaction, as one statement."""
    columns = list(zip(*map(astuple, entries), strict=True))
    lists = ", ".join(f"unnest(CAST(? AS {type}[]))" for type in COLUMNS.values())
    cursor.execute(f"INSERT INTO {qualified(FILES)} SELECT {lists}", [list(c) for c in columns])
