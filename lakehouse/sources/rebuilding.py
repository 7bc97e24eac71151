"""Rebuilds a raw table from the landed files, under today's contract: how a contract changes.

The files are read in the order in which they were loaded, and each keeps its load id, its load
time, and the seals that decide `known_at`. All rows are staged in a file next to the lake, so
memory stays bounded and readers and writers continue; one commit at the end replaces the old table.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from lakehouse.lake import (
    Author,
    Lake,
    fetch_value,
    layout,
    literal,
    qualified,
    quote,
    table_exists,
)
from lakehouse.settings import Settings
from lakehouse.sources import manifest
from lakehouse.sources.agreement import reconcile
from lakehouse.sources.committing import Load, insert_rows
from lakehouse.sources.errors import LandingError, LoadError
from lakehouse.sources.landing import LandedFile, Landing
from lakehouse.sources.ledger import Decision, Ledger
from lakehouse.sources.manifest import Entry
from lakehouse.sources.raw_contract import breaking_changes, write_terms
from lakehouse.sources.raw_table import create_raw
from lakehouse.sources.releasing import mark_released
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staged import Staged
from lakehouse.sources.staging import stage

_QUARANTINE = (
    "source VARCHAR, _file VARCHAR, _row BIGINT, _load_id BIGINT, reason VARCHAR, "
    "column_name VARCHAR, text VARCHAR, quarantined_at TIMESTAMP"
)


@dataclass(frozen=True)
class Rebuilt:
    """The result of a rebuild: rows in raw and rejected rows, and the rows in raw before."""

    files: int
    rows: int
    rejected: int
    rows_before: int


@dataclass(frozen=True)
class Place:
    """A loaded file's place in the order: the source was complete up to `previous` before it.

    `own` is the seal of the file alone.
    """

    entry: Entry
    load_id: int
    previous: datetime | None
    own: datetime
    seal: datetime


def load_order(
    cursor: duckdb.DuckDBPyConnection, source: str, ledger: Mapping[int, Decision]
) -> list[Place]:
    """The loaded files of a source in their order, with the seals that decided `known_at`.

    The manifest lists the files; the `ledger`, by number, has the earlier seals.
    """
    return [
        Place(entry, entry.load_id, decision.previous, decision.own or entry.seal, entry.seal)
        for entry in sorted(
            manifest.read_entries(cursor, source).values(), key=lambda one: one.number
        )
        if entry.status == "loaded"
        and entry.load_id is not None
        and entry.seal is not None
        and (decision := ledger.get(entry.number))
    ]


def needs_rebuild(spec: SourceSpec, lake: Lake) -> bool:
    """Whether the contract has changed so that it requires a rebuild."""
    with lake.reader() as cursor:
        return bool(breaking_changes(cursor, spec))


def rebuild(
    spec: SourceSpec,
    lake: Lake,
    settings: Settings,
    *,
    run_id: str = "",
    progress: Callable[[str], None] = lambda text: None,
) -> Rebuilt | None:
    """Build `raw.<source>` and its quarantine again from the landed files; None if none was loaded.

    Any error or kill leaves the table unchanged. Decisions stay: they are about rows of a load, and
    a row that is rejected again is decided already.

    Raises:
        LandingError: when a loaded file is gone from the landing zone or was altered.
        LoadError: when today's contract refuses a loaded file as a whole, or another process has
            loaded files meanwhile.
    """
    landing = Landing(settings, spec.name)
    with lake.reader() as cursor:
        if not table_exists(cursor, spec.table) or not manifest.is_ready(cursor):
            return None
        seen = manifest.read_entries(cursor, spec.name)
    decisions = reconcile(spec, lake, Ledger(landing), seen, 1)
    ledger = {decision.number: decision for decision in decisions}
    with lake.reader() as cursor:
        places = load_order(cursor, spec.name, ledger)
    if not places:
        return None
    remaining = _landed(landing, places)
    with (
        _rebuild_lock(settings, spec),
        lake.cursor() as cursor,
        _scratch(cursor, settings, spec) as scratch,
    ):
        build = _Build(cursor, spec, scratch)
        try:
            while remaining:
                with stage(cursor, spec, landing, remaining, build.extras) as staged:
                    mark_released(cursor, landing, staged)
                    build.add(staged, places)
                remaining = remaining[len(staged.files) :]
                progress(f"{len(places) - len(remaining):,} of {len(places):,} files read")
            return _replace_table(spec, lake, build, places, ledger, run_id)
        except (OSError, duckdb.Error) as error:
            raise LoadError(
                f"rebuilding {spec.table} from {landing.root} failed, and the table is unchanged: "
                f"{error}. If a disk is full, free space under {settings.data_dir} and "
                f"{settings.storage}; then run again"
            ) from error


class _Build:
    """The new rows so far, in tables of the scratch database."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, scratch: str) -> None:
        self.cursor, self.spec = cursor, spec
        self.raw, self.quarantine = f"{scratch}.main.raw", f"{scratch}.main.quarantine"
        self.extras: list[str] = []
        self.counts: list[tuple[int, int, int]] = []
        create_raw(cursor, spec, self.raw)
        cursor.execute(f"CREATE TABLE {self.quarantine} ({_QUARANTINE})")

    def add(self, staged: Staged, places: list[Place]) -> None:
        """Add a batch, each file at its original place."""
        refused = [f"{one.file.name}: {one.refused}" for one in staged.files if one.refused]
        if refused:
            more = f" and {len(refused) - 3:,} more" if len(refused) > 3 else ""
            raise LoadError(
                f"{self.spec.table} cannot be rebuilt, and is unchanged: today's contract "
                f"refuses files that were loaded ({'; '.join(refused[:3])}{more}). Declare what "
                "they contain, or set `on_change` to `discard`"
            )
        for name in staged.extras[len(self.extras) :]:
            self.cursor.execute(f"ALTER TABLE {self.raw} ADD COLUMN {quote(name)} VARCHAR")
            self.extras.append(name)
        at = {place.entry.file: place for place in places}
        loads = []
        for entry in staged.files:
            place = at[entry.file.name]
            if entry.sha256 != place.entry.sha256:
                raise LandingError(
                    f"{entry.file.name} has other bytes than when it was loaded, so "
                    f"{self.spec.table} cannot be rebuilt, and is unchanged: put the original back"
                )
            times = (place.previous, place.own, place.seal, place.entry.loaded_at)
            loads.append(Load(entry, place.load_id, *times))
            self.counts.append((place.load_id, entry.rows, entry.rejected))
        insert_rows(self.cursor, self.spec, staged, loads, raw=self.raw, quarantine=self.quarantine)


def _replace_table(
    spec: SourceSpec,
    lake: Lake,
    build: _Build,
    places: list[Place],
    ledger: Mapping[int, Decision],
    run_id: str,
) -> Rebuilt:
    """The one commit: replaces old rows in raw and in quarantine, and the manifest's counts."""
    table, quarantine = qualified(spec.table), qualified(layout.QUARANTINED)
    ids, rows, rejected = (list(values) for values in zip(*build.counts, strict=True))
    with lake.writer(Author(spec.table, run_id, f"full refresh of {spec.table}")) as cursor:
        entries = manifest.read_entries(cursor, spec.name).values()
        loaded = {entry.file for entry in entries if entry.status == "loaded"}
        if load_order(cursor, spec.name, ledger) != places or len(loaded) != len(places):
            raise LoadError(
                f"files of {spec.name} were loaded or unloaded while {spec.table} was being "
                "rebuilt, so it is unchanged: run again"
            )
        before = int(fetch_value(cursor, f"SELECT count(*) FROM {table}"))
        cursor.execute(f"DROP TABLE {table}")
        create_raw(cursor, spec, table, build.extras)
        cursor.execute(
            f"INSERT INTO {table} BY NAME FROM {build.raw} ORDER BY known_at, _load_id, _row"
        )
        cursor.execute(f"DELETE FROM {quarantine} WHERE source = ?", [spec.name])
        cursor.execute(
            f"INSERT INTO {quarantine} BY NAME FROM {build.quarantine} ORDER BY _load_id, _row"
        )
        cursor.execute(
            f"UPDATE {qualified(layout.FILES)} AS f SET rows = n.rows, rejected = n.rejected "
            "FROM (SELECT unnest(CAST(? AS BIGINT[])) AS id, unnest(CAST(? AS BIGINT[])) AS rows, "
            "unnest(CAST(? AS BIGINT[])) AS rejected) AS n "
            "WHERE f.load_id = n.id AND (f.rows, f.rejected) <> (n.rows, n.rejected)",
            [ids, rows, rejected],
        )
        write_terms(cursor, spec)
    return Rebuilt(len(places), sum(rows), sum(rejected), before)


def _landed(landing: Landing, places: list[Place]) -> list[LandedFile]:
    present = {file.name: file for file in landing.files()}
    gone = [place.entry.file for place in places if place.entry.file not in present]
    if gone:
        more = f" and {len(gone) - 3:,} more" if len(gone) > 3 else ""
        raise LandingError(
            f"{', '.join(gone[:3])}{more} were loaded and are no longer in {landing.root}: a table "
            "rebuilt without them would lose their rows, so nothing was changed. Put them back"
        )
    return [present[place.entry.file] for place in places]


@contextmanager
def _rebuild_lock(settings: Settings, spec: SourceSpec) -> Iterator[None]:
    """Keep other processes from rebuilding this table at the same time."""
    lock = settings.data_dir / "locks" / f"rebuild-{spec.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=settings.lock_timeout):
            yield
    except Timeout as error:
        raise LoadError(
            f"another process is rebuilding {spec.table} (lock {lock}); wait until it has finished"
        ) from error


@contextmanager
def _scratch(
    cursor: duckdb.DuckDBPyConnection, settings: Settings, spec: SourceSpec
) -> Iterator[str]:
    """A separate database file, attached to the lake's DuckDB under the name that is yielded.

    Files left by a killed rebuild of the source are removed first.
    """
    spill, prefix = settings.data_dir / "spill", f"rebuild-{spec.name}-"
    spill.mkdir(parents=True, exist_ok=True)
    for leftover in spill.glob(f"{prefix}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=spill) as folder:
        name = quote(Path(folder).name)
        cursor.execute(f"ATTACH {literal(f'{folder}/rows.duckdb')} AS {name}")
        try:
            yield name
        finally:
            with suppress(duckdb.Error):  # a lake that was stopped no longer answers
                cursor.execute(f"DETACH {name}")
