"""Maintenance: merge small files, remove old snapshots and unused files.

Open readers and running steps continue. Only files that this lake wrote are deleted; `ownership.py`
decides which those are.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from lakehouse.lake.errors import LakeError
from lakehouse.lake.hashes import Ledger
from lakehouse.lake.lake import Lake, fetch_value
from lakehouse.lake.lock import write_lock
from lakehouse.lake.names import CATALOG
from lakehouse.lake.ownership import METADATA, check_owner, is_written_by_a_lake, mark_as_own
from lakehouse.lake.storage import Storage
from lakehouse.lake.verify import damage_before_merge

KEEP_SNAPSHOTS = timedelta(days=7)
"""How far back time travel reaches. Training sets are pinned as rows and need no snapshot."""
KEEP_FILES = timedelta(hours=6)
"""How long an unused file stays for readers that still have it open."""


MAX_DELETED_SHARE = 0.05
"""Share of deleted rows above which a file is rewritten without them."""


@dataclass(frozen=True)
class Size:
    """The size of the lake."""

    snapshots: int
    files: int
    bytes: int


@dataclass(frozen=True)
class Maintenance:
    """The result: the lake before and after, and how many unused files were deleted.

    `unknown` are Parquet files in the lake's prefix that are not in its catalog; they were left
    alone. `owned`: whether the prefix is this lake's; false for a prefix of an older release that
    contains unknown files.
    """

    before: Size
    after: Size
    files_deleted: int
    owned: bool
    unknown: tuple[str, ...]


def maintain(
    lake: Lake,
    *,
    now: datetime | None = None,
    keep_snapshots: timedelta = KEEP_SNAPSHOTS,
    keep_files: timedelta = KEEP_FILES,
    adopt: bool = False,
) -> Maintenance:
    """Merge, expire and clean up, under the write lock. Rows do not change.

    The newest snapshot never expires. With an SQLite catalog a file stays up to a day longer than
    `keep_files`. Hashes are checked before the merge, which would otherwise give damaged rows a
    new, matching hash. `now` is the real time unless a test sets it. `adopt` claims a prefix of an
    older release for this lake, whatever it contains.

    Nothing is flushed: rows that an older release kept in the catalog stay there, because a flush
    breaks open readers.
    """
    now = now or datetime.now(UTC)
    with write_lock(lake.settings, "maintenance"), lake.cursor() as cursor:
        storage = lake.storage(cursor)
        before = _size(cursor)
        ledger = Ledger(cursor, storage)
        ledger.add_missing()
        _refuse_damage(cursor, storage)
        _call(
            cursor,
            "ducklake_rewrite_data_files(?, delete_threshold => ?)",
            CATALOG,
            MAX_DELETED_SHARE,
        )
        _call(cursor, "ducklake_merge_adjacent_files(?)", CATALOG)
        _expire(cursor, now - keep_snapshots)
        embedded = lake.settings.embedded
        deleted = _clean_up(cursor, storage, now - keep_files, embedded=embedded)
        owned = _is_owner(cursor, storage, adopt=adopt)
        orphans, unknown = _delete_orphans(cursor, storage, now - keep_files, owned=owned)
        ledger.add_missing()
        return Maintenance(before, _size(cursor), deleted + orphans, owned, unknown)


def _refuse_damage(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Raise an error if a merge would rewrite damaged files under a new, matching hash."""
    if damage := damage_before_merge(cursor, storage):
        first = f"{damage[0].what} {damage[0].problem}"
        raise LakeError(
            f"nothing was merged or deleted, because {len(damage)} files are damaged, such as "
            f"{first}; `lakehouse verify --full` lists all of them"
        )


def describe_unknown(done: Maintenance) -> str:
    """The files left alone because this lake may not own them, and the remedy; or an empty text."""
    if not done.unknown:
        return ""
    files = (
        f"{len(done.unknown)} Parquet files in the lake's storage that are not in its catalog, "
        f"such as {done.unknown[0]}"
    )
    if done.owned:
        return f"left alone: {files}; move them out of the storage"
    return (
        "the storage is not marked as this lake's, so leftovers of killed writers were not "
        f"deleted: {files}; move them out of the storage or, if no other lake uses it, claim all "
        "of them for this lake with `lakehouse maintain --adopt`"
    )


def _expire(cursor: duckdb.DuckDBPyConnection, older_than: datetime) -> None:
    # Chosen here: with an SQLite catalog the function compares times as text.
    query = (
        f"SELECT snapshot_id FROM {CATALOG}.snapshots() WHERE snapshot_time < ?::TIMESTAMPTZ "
        f"AND snapshot_id < (SELECT max(snapshot_id) FROM {CATALOG}.snapshots())"
    )
    old = [snapshot for (snapshot,) in cursor.execute(query, [older_than]).fetchall()]
    if old:
        _call(cursor, "ducklake_expire_snapshots(?, versions => ?)", CATALOG, old)


def _clean_up(
    cursor: duckdb.DuckDBPyConnection, storage: Storage, older_than: datetime, *, embedded: bool
) -> int:
    """Delete files that no snapshot has needed since `older_than`; return how many."""
    _unschedule_foreign_files(cursor, storage)
    if embedded:
        # SQLite compares times as text; these two formats agree only in the date.
        midnight = older_than.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        older_than = midnight - timedelta(microseconds=1)
    older = "older_than => ?::TIMESTAMPTZ"
    return _call(cursor, f"ducklake_cleanup_old_files(?, {older})", CATALOG, older_than)


def _unschedule_foreign_files(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Unschedule the deletion of files that were registered but not written by this lake."""
    scheduled = f"{METADATA}.ducklake_files_scheduled_for_deletion"
    rows = cursor.execute(f"SELECT data_file_id, path, path_is_relative::BOOLEAN FROM {scheduled}")
    foreign = [
        number
        for number, path, relative in rows.fetchall()
        if not (relative or path.startswith(storage.prefix + "/")) or not is_written_by_a_lake(path)
    ]
    if foreign:
        cursor.execute(f"DELETE FROM {scheduled} WHERE data_file_id IN (FROM unnest(?))", [foreign])


def _is_owner(cursor: duckdb.DuckDBPyConnection, storage: Storage, *, adopt: bool) -> bool:
    """Whether the prefix is this lake's; claims it if it has no unknown files or with `adopt`."""
    if check_owner(cursor, storage):
        return True
    if not adopt and _orphans(cursor, "cleanup_all => ?", True):
        return False
    mark_as_own(cursor, storage)
    return True


def _delete_orphans(
    cursor: duckdb.DuckDBPyConnection, storage: Storage, older_than: datetime, *, owned: bool
) -> tuple[int, tuple[str, ...]]:
    """Delete the files of killed writers of this lake; return how many, and unknown files."""
    if not owned:
        return 0, tuple(sorted(_orphans(cursor, "cleanup_all => ?", True)))
    older = "older_than => ?::TIMESTAMPTZ"
    orphans = _orphans(cursor, older, older_than)
    ours = [path for path in orphans if is_written_by_a_lake(path)]
    unknown = tuple(sorted(set(orphans) - set(ours)))
    if storage.is_local:
        for path in ours:
            os.unlink(path)
    elif unknown:
        return 0, unknown  # in an object store all can be deleted or none
    elif ours:
        _call(cursor, f"ducklake_delete_orphaned_files(?, {older})", CATALOG, older_than)
    return len(ours), unknown


def _orphans(cursor: duckdb.DuckDBPyConnection, which: str, parameter: object) -> list[str]:
    """Parquet files under the prefix that are not in the catalog."""
    function = f"ducklake_delete_orphaned_files(?, dry_run => true, {which})"
    rows = cursor.execute(f"SELECT path FROM {function}", [CATALOG, parameter])
    return [path for (path,) in rows.fetchall()]


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
