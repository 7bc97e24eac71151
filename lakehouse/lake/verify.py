"""Verify that the lake's files and catalog are as they were written. Writes only missing hashes.

Fast: every file exists, has its size, and its end matches. Full: every byte. DuckDB does not check
the checksums inside Parquet files: most flipped bytes silently changed a value.
"""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field

import duckdb

from lakehouse.lake.files import LakeFile, list_files, list_scheduled
from lakehouse.lake.hashes import FOOTER_END_BYTES, FileHash, Hashes, Ledger
from lakehouse.lake.lake import Lake, fetch_value
from lakehouse.lake.lock import write_lock
from lakehouse.lake.ownership import METADATA, check_owner
from lakehouse.lake.storage import Storage

RESTORE_OR_REBUILD = (
    "restore it from a backup, or rebuild the table with `lakehouse run --full-refresh`"
)


@dataclass(frozen=True)
class Damage:
    """One damaged thing: what, and how it differs from what was written, with the remedy."""

    what: str
    problem: str


@dataclass
class Verification:
    """What was compared, by kind and count; what is damaged; and what cannot be verified."""

    looked_at: dict[str, int] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


def verify_lake(lake: Lake, *, full: bool) -> Verification:
    """Compare the lake with its recorded hashes; `full` reads every byte of its files.

    A full verification first takes the missing hashes, for which it needs the write lock; files
    that had no hash do not count as verified.

    Raises:
        LakeError: when the lake cannot be opened, or its storage belongs to another lake.
        LakeBusy: in a full verification, when another writer keeps the lock.
    """
    done = Verification()
    with lake.cursor() as cursor:
        storage = lake.storage(cursor)
        ledger = Ledger(cursor, storage)
        check_owner(cursor, storage)
        _verify_catalog(cursor, lake.settings.embedded, done)
        with write_lock(lake.settings, "verification") if full else nullcontext():
            files, known = list_files(cursor), ledger.read()
            if full:
                _find_lost_files(known, files, list_scheduled(cursor), done)
                for name, error in ledger.add_missing().items():
                    done.damage.append(Damage(storage.path(name), f"cannot be read ({error})"))
        for line in known.damaged:
            what = f"line {line} of {storage.path(ledger.name)}"
            problem = "was changed after it was written; restore this file of hashes from a backup"
            done.damage.append(Damage(what, problem))
        _verify_files(files, known, storage, done, full=full)
    done.untold.append("the rest of the catalog, landed files, and other files in the data folder")
    return done


def damage_before_merge(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> list[Damage]:
    """Damage in the files that a merge would read and rewrite under a new hash."""
    done = Verification()
    files = [file for file in list_files(cursor) if file.is_current]
    of_table = Counter(file.table for file in files)
    chosen = [file for file in files if of_table[file.table] > 1]
    _verify_files(chosen, Ledger(cursor, storage).read(), storage, done, full=True)
    return done.damage


def _verify_files(
    files: list[LakeFile], known: Hashes, storage: Storage, done: Verification, *, full: bool
) -> None:
    sizes = storage.sizes([file.name for file in files if file.name])
    verified = unhashed = 0
    for file in files:
        path = storage.path(file.name)
        recorded = known.by_name.get(file.name)
        if problem := _problem(file, recorded, sizes.get(file.name), storage, full=full):
            done.damage.append(Damage(f"{path} ({file.table})", problem))
        elif recorded is None:
            unhashed += 1
        else:
            verified += 1
    fast = "files by size and footer" if storage.is_local else "files by size"
    done.looked_at["files by hash" if full else fast] = verified
    if unhashed:
        done.untold.append(
            f"{unhashed} files had no hash yet, so only their existence and their size were "
            "checked; `lakehouse verify --full` and maintenance hash them"
        )
    if not full:
        parts = "the files before their footers" if storage.is_local else "the files"
        done.untold.append(f"the content of {parts}: `--full` reads it")


def _problem(
    file: LakeFile, recorded: FileHash | None, size: int | None, storage: Storage, *, full: bool
) -> str:
    """How `file` differs from what was written; empty if it does not."""
    if not file.table or not file.name:
        return "has no table in the catalog any more; restore the catalog from a backup"
    if size is None:
        return f"is missing; {RESTORE_OR_REBUILD}"
    if recorded and recorded.record != file.record:
        return (
            "has other rows, sizes or bounds in the catalog than when it was written; restore the "
            "catalog from a backup"
        )
    if size != file.bytes:
        return f"has {size:,} bytes instead of {file.bytes:,}; {RESTORE_OR_REBUILD}"
    if recorded is None:
        return ""
    try:
        if full:
            same = storage.sha256(file.name) == recorded.sha256
        else:
            footer = recorded.footer and storage.tail_sha256(
                file.name, file.footer + FOOTER_END_BYTES
            )
            same = footer == recorded.footer
    except (OSError, duckdb.Error) as error:
        return f"cannot be read ({error}); {RESTORE_OR_REBUILD}"
    return (
        "" if same else f"was changed after it was written (SHA-256 differs); {RESTORE_OR_REBUILD}"
    )


def _find_lost_files(
    known: Hashes, files: list[LakeFile], scheduled: set[str], done: Verification
) -> None:
    """Hashed files that are missing in the catalog although nothing removed them."""
    for name in known.by_name.keys() - {file.name for file in files} - scheduled:
        done.damage.append(
            Damage(
                name,
                "was committed but is no longer in the catalog, which is damaged or an older copy; "
                "restore the catalog from a newer backup",
            )
        )


def _verify_catalog(cursor: duckdb.DuckDBPyConnection, embedded: bool, done: Verification) -> None:
    if embedded:
        query = f"FROM sqlite_query('{METADATA}', 'PRAGMA integrity_check')"
        answers = [str(answer) for (answer,) in cursor.execute(query).fetchall()]
        if answers != ["ok"]:
            done.damage.append(
                Damage("the catalog", f"{'; '.join(answers)}; restore it from a backup")
            )
    else:
        query = f"FROM postgres_query('{METADATA}', ?)"
        if fetch_value(cursor, query, ["SELECT current_setting('data_checksums')"]) != "on":
            done.untold.append(
                "the catalog's pages: its server keeps no checksums (`SHOW data_checksums`)"
            )
    inlined = f"SELECT count(DISTINCT table_id) FROM {METADATA}.ducklake_inlined_data_tables"
    if tables := fetch_value(cursor, inlined):
        done.untold.append(
            f"rows of {tables} tables that an older release kept in the catalog: they are in no "
            "file, so changes cannot be detected"
        )
