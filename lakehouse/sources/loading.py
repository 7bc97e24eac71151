"""Landed files into raw: each exactly once, its rows and its manifest entry in one commit.

Reading and checking (`staging.py`) happen before the write lock is taken, writing
(`committing.py`) under it. Whatever is killed whenever, the next call goes on with what the
manifest lacks.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from lakehouse.lake import Lake
from lakehouse.settings import Settings
from lakehouse.sources import manifest
from lakehouse.sources.committing import Commit, commit
from lakehouse.sources.errors import LoadError
from lakehouse.sources.landing import LandedFile, Landing, sha256
from lakehouse.sources.manifest import Entry
from lakehouse.sources.raw_table import create_tables, undeclared_columns
from lakehouse.sources.releasing import mark_released
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staging import Staged, stage
from lakehouse.sources.undecided import to_read_again


@dataclass
class LoadReport:
    """What one call of `load` did. Empty when there was nothing new.

    `rows` were loaded and `rejected` quarantined, from `files`; `reasons` counts rejected rows by
    "column: reason". `quarantined_files` were refused as a whole, with the reason. `altered_files`
    have other bytes than when they were loaded: they are not loaded again, and somebody should
    ask why. `discarded` counts rows that lost an undeclared column, and
    `missing` has the declared columns that a file lacks, by file; `short_files` have fewer
    rows than the source's `volume` expects. `seal`: the source is complete up to here (UTC).
    """

    source: str
    files: list[str] = field(default_factory=list)
    rows: int = 0
    rejected: int = 0
    load_ids: list[int] = field(default_factory=list)
    seal: datetime | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    quarantined_files: dict[str, str] = field(default_factory=dict)
    altered_files: list[str] = field(default_factory=list)
    short_files: list[str] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)
    discarded: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)


def pending_files(spec: SourceSpec, lake: Lake, settings: Settings) -> list[LandedFile]:
    """Landed files that `load` would take, in its order: by seal, then by name."""
    with lake.reader() as cursor:
        seen = _seen(cursor, spec)
    return _new(spec, Landing(settings, spec.name).files(), seen)


def read_seal(spec: SourceSpec, lake: Lake) -> datetime | None:
    """Up to when raw is complete (UTC, naive); None before the first load."""
    with lake.reader() as cursor:
        return manifest.last_seal(manifest.read_entries(cursor, spec.name))


def load(
    spec: SourceSpec,
    lake: Lake,
    settings: Settings,
    *,
    run_id: str = "",
    progress: Callable[[LoadReport], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> LoadReport:
    """Load every pending file, in batches of bounded size that are each all or nothing.

    `progress` is told the report so far after each batch. `now` gives `_loaded_at`.

    Raises:
        LoadError: when a batch cannot be committed; those before it stay loaded.
        LandingError, ContractError: see there.
    """
    report = LoadReport(spec.name)
    landing = Landing(settings, spec.name)
    report.new_columns += create_tables(spec, lake)
    tried: set[str] = set()
    while True:
        with lake.cursor() as cursor:
            seen = _seen(cursor, spec)
            files = landing.files()
            # a file that goes on changing is for the next call
            new = [file for file in _new(spec, files, seen) if file.name not in tried]
            if not new:
                report.seal = manifest.last_seal(seen)
                report.altered_files = _altered(landing, files, seen)
                return report
            try:
                extras = undeclared_columns(cursor, spec)
                with stage(cursor, spec, landing, new, extras) as staged:
                    mark_released(cursor, landing, staged)
                    done = commit(spec, lake, staged, run_id, now())
            except (OSError, duckdb.Error) as error:
                raise LoadError(
                    f"loading {new[0].name} and on from {landing.root} into {spec.table} failed, "
                    f"and nothing of this batch was kept: {error}. If a disk is full, free space "
                    f"under {settings.data_dir} and {settings.storage}; then run again"
                ) from error
        if done:
            tried.update(entry.file.name for entry in staged.files)
            _add(report, spec, staged, done)
            if progress:
                progress(report)


def _seen(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> dict[str, Entry]:
    """The manifest's entries, but for refused files that somebody has released since."""
    entries = manifest.read_entries(cursor, spec.name)
    again = to_read_again(cursor, spec.name)
    return {
        name: entry
        for name, entry in entries.items()
        if entry.status == "loaded" or name not in again
    }


def _new(spec: SourceSpec, files: list[LandedFile], seen: dict[str, Entry]) -> list[LandedFile]:
    """Files never seen, and refused ones that have changed since. Names without a seal go last."""

    def is_new(file: LandedFile) -> bool:
        entry = seen.get(file.name)
        return entry is None or (entry.status == "quarantined" and not entry.is_of(file))

    def order(file: LandedFile) -> tuple[datetime, str]:
        return spec.seal_pattern.read(file.name) or datetime.max, file.name

    return sorted(filter(is_new, files), key=order)


def _altered(landing: Landing, files: list[LandedFile], seen: dict[str, Entry]) -> list[str]:
    """Loaded files that now have other bytes. Only those whose size or time changed are read."""
    altered = []
    for file in files:
        entry = seen.get(file.name)
        if entry is None or entry.status != "loaded" or entry.is_of(file):
            continue
        if file.problem:
            altered.append(file.name)
            continue
        with landing.local(file) as path:
            if sha256(path) != entry.sha256:
                altered.append(file.name)
    return altered


def _add(report: LoadReport, spec: SourceSpec, staged: Staged, done: Commit) -> None:
    for load in done.loads:
        report.files.append(load.entry.file.name)
        report.load_ids.append(load.load_id)
        report.rows += load.entry.rows
        report.rejected += load.entry.rejected
        report.seal = load.seal
        if load.entry.rows < spec.volume.min_rows:
            report.short_files.append(load.entry.file.name)
    for entry in staged.files:
        if entry.refused is not None:
            report.quarantined_files[entry.file.name] = entry.refused
    report.new_columns += done.new_columns
    report.reasons = dict(Counter(report.reasons) + Counter(done.reasons))
    report.missing |= staged.missing
    report.discarded = dict(Counter(report.discarded) + staged.discarded)
