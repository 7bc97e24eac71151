"""Housekeeping: small files merged, old snapshots and files that nobody sees removed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from lakehouse.lake.lake import Lake, fetch_value
from lakehouse.lake.lock import write_lock
from lakehouse.lake.names import CATALOG

KEEP_SNAPSHOTS = timedelta(days=7)
"""How far back time travel reaches. Training sets are pinned as rows and need no snapshot."""
KEEP_FILES = timedelta(hours=6)
"""How long a file that no snapshot needs stays for readers that still have it open."""


REWRITE_ABOVE = 0.05
"""Share of deleted rows from which a file is written again without them."""


@dataclass(frozen=True)
class Size:
    """How much the lake holds."""

    snapshots: int
    files: int
    bytes: int


@dataclass(frozen=True)
class Maintenance:
    """What was done: the lake before and after, and how many unused files were deleted."""

    before: Size
    after: Size
    files_deleted: int


def maintain(
    lake: Lake,
    *,
    now: datetime | None = None,
    keep_snapshots: timedelta = KEEP_SNAPSHOTS,
    keep_files: timedelta = KEEP_FILES,
) -> Maintenance:
    """Merge, expire and clean up, under the write lock. Rows do not change.

    The newest snapshot is never expired. `now` is the real time unless a test sets it.
    """
    now = now or datetime.now(UTC)
    with write_lock(lake.settings, "maintenance"), lake.cursor() as cursor:
        before = _size(cursor)
        _call(cursor, "ducklake_flush_inlined_data(?)", CATALOG)
        _call(
            cursor,
            "ducklake_rewrite_data_files(?, delete_threshold => ?)",
            CATALOG,
            REWRITE_ABOVE,
        )
        _call(cursor, "ducklake_merge_adjacent_files(?)", CATALOG)
        older = "older_than => ?::TIMESTAMPTZ"
        _call(cursor, f"ducklake_expire_snapshots(?, {older})", CATALOG, now - keep_snapshots)
        unused = now - keep_files
        deleted = _call(cursor, f"ducklake_cleanup_old_files(?, {older})", CATALOG, unused)
        deleted += _call(cursor, f"ducklake_delete_orphaned_files(?, {older})", CATALOG, unused)
        return Maintenance(before, _size(cursor), deleted)


def _call(cursor: duckdb.DuckDBPyConnection, function: str, *parameters: object) -> int:
    return len(cursor.execute(f"FROM {function}", list(parameters)).fetchall())


def _size(cursor: duckdb.DuckDBPyConnection) -> Size:
    snapshots = fetch_value(cursor, f"SELECT count(*) FROM {CATALOG}.snapshots()")
    files = "SELECT coalesce(sum({}), 0)::BIGINT FROM ducklake_table_info(?)"
    return Size(
        int(snapshots),
        int(fetch_value(cursor, files.format("file_count + delete_file_count"), [CATALOG])),
        int(
            fetch_value(cursor, files.format("file_size_bytes + delete_file_size_bytes"), [CATALOG])
        ),
    )
