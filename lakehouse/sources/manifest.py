"""The loader's record in the lake: one row per file that it has seen, and the rejected rows.

Written only in the transaction that commits the rows themselves.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Literal

import duckdb

from lakehouse.lake import qualified, quote, read_columns
from lakehouse.lake.layout import FILES, QUARANTINED
from lakehouse.sources.landing import LandedFile

_ENTRY_NUMBER = "row_number() OVER (PARTITION BY source ORDER BY rowid)"
"""Numbers the entries of a lake that did not number them: rowids follow commits, clocks do not."""
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
    "number": "BIGINT",
}


@dataclass(frozen=True)
class Entry:
    """One file in the manifest. `seal` is the source's seal after it (UTC).

    A `skipped` file has the bytes of a loaded one, and no rows; it has a load id and a seal if its
    name moved the source's seal.

    `number` counts the entries of a source in the order of the commits; it is the ledger's number
    of the decision. A quarantined entry with a seal keeps its place in the order: the ledger has
    the file as loaded, but a different file has landed here under its name.
    """

    source: str
    file: str
    bytes: int
    modified: datetime
    sha256: str
    status: Literal["loaded", "quarantined", "unloaded", "skipped"]
    reason: str | None
    load_id: int | None
    seal: datetime | None
    rows: int
    rejected: int
    loaded_at: datetime
    run_id: str
    number: int

    def matches(self, file: LandedFile) -> bool:
        """Whether `file` has the size and time that the entry recorded."""
        return (self.bytes, self.modified) == (file.bytes, file.modified)


def is_ready(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether the manifest exists, with all its columns."""
    return read_columns(cursor, FILES).keys() >= COLUMNS.keys()


def create_tables(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the manifest and the quarantine if they are missing; number the entries of old lakes."""
    columns = ", ".join(f"{quote(name)} {type}" for name, type in COLUMNS.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {qualified(FILES)} ({columns})")
    if "number" not in read_columns(cursor, FILES):
        cursor.execute(f"ALTER TABLE {qualified(FILES)} ADD COLUMN number BIGINT")
        cursor.execute(
            f"UPDATE {qualified(FILES)} AS entry SET number = counted.number "
            f"FROM (SELECT rowid AS place, {_ENTRY_NUMBER} AS number FROM {qualified(FILES)}) "
            "AS counted WHERE entry.rowid = counted.place"
        )
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(QUARANTINED)} (source VARCHAR, _file VARCHAR, "
        "_row BIGINT, _load_id BIGINT, reason VARCHAR, column_name VARCHAR, text VARCHAR, "
        "quarantined_at TIMESTAMP)"
    )


def all_entries(cursor: duckdb.DuckDBPyConnection, source: str) -> list[Entry]:
    """Every entry of `source`, in order; none before the first load."""
    present = read_columns(cursor, FILES)
    if not present:
        return []
    columns = ", ".join(
        quote(name) if name in present else f"{_ENTRY_NUMBER} AS {quote(name)}" for name in COLUMNS
    )
    found = cursor.execute(
        f"SELECT {columns} FROM {qualified(FILES)} WHERE source = ? ORDER BY number", [source]
    )
    return [Entry(*row) for row in found.fetchall()]


def read_entries(cursor: duckdb.DuckDBPyConnection, source: str) -> dict[str, Entry]:
    """The newest entry of every file of `source`, by file; empty before the first load."""
    return {entry.file: entry for entry in all_entries(cursor, source)}


def last_number(entries: Mapping[str, Entry]) -> int:
    """The number of the newest of these entries, 0 if there are none."""
    return max((entry.number for entry in entries.values()), default=0)


def last_seal(entries: Mapping[str, Entry]) -> datetime | None:
    """The time up to which a source with these entries is complete; None before its first load."""
    return max((entry.seal for entry in entries.values() if entry.seal), default=None)


def last_load_id(cursor: duckdb.DuckDBPyConnection) -> int:
    """The last load id given to any source, 0 if none was."""
    row = cursor.execute(f"SELECT max(load_id) FROM {qualified(FILES)}").fetchone()
    return row[0] or 0 if row else 0


def last_seal_of_others(cursor: duckdb.DuckDBPyConnection, source: str) -> datetime | None:
    """The newest seal of any other source; None if there is none."""
    query = f"SELECT max(seal) FROM {qualified(FILES)} WHERE source <> ?"
    row = cursor.execute(query, [source]).fetchone()
    return row[0] if row else None


@dataclass(frozen=True)
class Counts:
    """The state of a source: its seal, its files by their newest entry, their rows.

    `rows` are in raw and `rejected` in quarantine, both from the `loaded` files. The `skipped` ones
    have the bytes of loaded ones.
    """

    seal: datetime | None
    loaded: int
    refused: int
    unloaded: int
    rows: int
    rejected: int
    skipped: int = 0


def count_files(cursor: duckdb.DuckDBPyConnection, source: str) -> Counts:
    """The counts of `source`; zeros before the first load."""
    entries = read_entries(cursor, source)
    by_status = Counter(entry.status for entry in entries.values())
    return Counts(
        last_seal(entries),
        by_status["loaded"],
        by_status["quarantined"],
        by_status["unloaded"],
        sum(entry.rows for entry in entries.values()),
        sum(entry.rejected for entry in entries.values()),
        by_status["skipped"],
    )


def delete_entries(cursor: duckdb.DuckDBPyConnection, source: str, numbers: Sequence[int]) -> None:
    """Delete the entries with these numbers, in the open transaction."""
    cursor.execute(
        f"DELETE FROM {qualified(FILES)} WHERE source = ? AND number IN (SELECT unnest(?))",
        [source, list(numbers)],
    )


def write_entries(cursor: duckdb.DuckDBPyConnection, entries: Sequence[Entry]) -> None:
    """Add entries in the open transaction, as one statement."""
    columns = list(zip(*map(astuple, entries), strict=True))
    names = ", ".join(map(quote, COLUMNS))
    lists = ", ".join(f"unnest(CAST(? AS {type}[]))" for type in COLUMNS.values())
    cursor.execute(
        f"INSERT INTO {qualified(FILES)} ({names}) SELECT {lists}", [list(c) for c in columns]
    )
