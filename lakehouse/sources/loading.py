"""Loads landed files into raw: each exactly once, its rows and its manifest entry in one commit.

Reading and checking (`staging.py`) happen before the write lock is taken, writing (`committing.py`)
under it. After a kill at any point, the next call continues with what the manifest lacks: first the
files that the ledger (`ledger.py`) has decided on, then new files.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import duckdb

from lakehouse.lake import (
    ALWAYS,
    Author,
    Lake,
    Progress,
    layout,
    read_columns,
    read_progress,
    write_progress,
)
from lakehouse.settings import Settings
from lakehouse.sources import manifest
from lakehouse.sources.agreement import absent_file, order_files, reconcile
from lakehouse.sources.committing import commit
from lakehouse.sources.deciding import Todo, find_todo, first_to_read
from lakehouse.sources.errors import LoadError
from lakehouse.sources.landing import LandedFile, Landing, sha256
from lakehouse.sources.ledger import FOLDER, Ledger
from lakehouse.sources.load_report import LoadReport
from lakehouse.sources.manifest import Entry
from lakehouse.sources.raw_table import create_tables, undeclared_columns
from lakehouse.sources.reasons import why_no_rows
from lakehouse.sources.releasing import mark_released, released_names
from lakehouse.sources.spec import SourceSpec, complete_until
from lakehouse.sources.staging import stage
from lakehouse.sources.undecided import released_files


def pending_files(
    spec: SourceSpec,
    lake: Lake,
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[LandedFile]:
    """Landed files that `load` would process, in its order: by the ledger, by seal, by name."""
    landing = Landing(settings, spec.name)
    files = landing.files()
    with lake.reader() as cursor:
        seen, released = manifest.read_entries(cursor, spec.name), released_files(cursor, spec.name)
        reference = _reference(cursor, spec, seen, now)
    ledger = Ledger(landing).since(first_to_read(seen, files))
    todo = find_todo(spec, files, seen, ledger, reference, _comparison(landing), released)
    landed = {file.name: file for file in files}
    return [landed.get(d.file, absent_file(d)) for d in todo.decided] + list(todo.new)


def read_seal(spec: SourceSpec, lake: Lake) -> datetime | None:
    """The time up to which raw is complete (UTC, naive); None before the first load."""
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

    `progress` receives the report so far after each batch. `now` gives `_loaded_at`.

    Raises:
        LoadError: when a batch cannot be committed; earlier batches stay loaded.
        LandingError, ContractError: see there.
    """
    report = LoadReport(spec.name)
    landing = Landing(settings, spec.name)
    ledger = Ledger(landing)
    report.new_columns += create_tables(spec, lake)
    before, done, reference = Todo(0, None), None, None
    tried: set[str] = set()
    while True:
        with lake.reader() as reader:
            seen = manifest.read_entries(reader, spec.name)
            released = released_files(reader, spec.name)
            if not report.load_ids:  # the first load may be of any age
                reference = _reference(reader, spec, seen, now)
            declared_anew = _is_declared_anew(spec, reader)
        files = landing.files()
        decisions = reconcile(spec, lake, ledger, seen, first_to_read(seen, files))
        if {decision.file for decision in decisions} - {file.name for file in files}:
            files = landing.files()  # another lake has just loaded a file that landed meanwhile
        todo = find_todo(spec, files, seen, decisions, reference, _comparison(landing), released)
        todo = todo.without(tried)  # a file that keeps changing waits for the next call
        if not todo:
            report.seal = manifest.last_seal(seen)
            report.altered_files = _altered(landing, files, seen)
            report.why_no_rows = why_no_rows(report, seen, landing.root)
            if declared_anew:
                with lake.writer(Author(spec.table, run_id, "completeness")) as writer:
                    _update_completeness(spec, writer)
            return report
        if (todo.decided, todo.new) == (before.decided, before.new) and (
            done or todo.last == before.last
        ):
            raise LoadError(
                f"loading {spec.name} makes no progress: {_first(todo)} was processed and is "
                f"still pending. Compare its entries in {layout.FILES} with the ledger in "
                f"{landing.root}/{FOLDER} and report this as a bug"
            )
        try:
            with lake.cursor() as cursor:
                extras = undeclared_columns(cursor, spec)
                landed = {file.name: file for file in files}
                with stage(cursor, spec, landing, _to_read(todo, landed), extras) as staged:
                    mark_released(cursor, landing, staged)
                    if todo.decided:
                        order_files(staged, todo.decided, landed, landing)
                    copies = released_names(landing) if todo.new else set[str]()
                    done = commit(spec, lake, staged, todo, ledger, run_id, now(), copies)
        except (OSError, duckdb.Error) as error:
            raise LoadError(
                f"loading {_first(todo)} and later files from {landing.root} into {spec.table} "
                f"failed; nothing of this batch was kept: {error}. If a disk is full, free "
                f"space under {settings.data_dir} and {settings.storage}; then run again"
            ) from error
        before = todo
        if done:
            if not todo.decided:
                tried.update(entry.file.name for entry in staged.files if entry.refused)
            report.add(spec, staged, done)
            if progress:
                progress(report)


def _is_declared_anew(spec: SourceSpec, cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether `complete` was changed in the YAML after the last load."""
    seal = read_progress(cursor, spec.table).seal
    return seal is not None and (seal == ALWAYS) != spec.is_static


def _update_completeness(spec: SourceSpec, cursor: duckdb.DuckDBPyConnection) -> None:
    seal = manifest.last_seal(manifest.read_entries(cursor, spec.name))
    done = read_progress(cursor, spec.table)
    write_progress(cursor, spec.table, Progress(done.load_id, complete_until(spec, seal)))


def _first(todo: Todo) -> str:
    return todo.decided[0].file if todo.decided else todo.new[0].name


def _reference(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    seen: dict[str, Entry],
    now: Callable[[], datetime],
) -> datetime | None:
    """The time up to which other inputs are complete; before the first load, at least the current
    time."""
    known = bool(seen or read_columns(cursor, layout.FILES))
    others = manifest.last_seal_of_others(cursor, spec.name) if known else None
    if manifest.last_seal(seen) is not None:
        return others
    moment = now().astimezone(UTC).replace(tzinfo=None)
    return max(others, moment) if others else moment


def _comparison(landing: Landing) -> Callable[[LandedFile, Entry], bool]:
    def is_altered(file: LandedFile, entry: Entry) -> bool:
        with landing.local(file) as path:
            return sha256(path) != entry.sha256

    return is_altered


def _to_read(todo: Todo, landed: dict[str, LandedFile]) -> list[LandedFile]:
    names = [decision.file for decision in todo.decided if decision.status == "loaded"]
    return [landed[name] for name in names if name in landed] or list(todo.new)


def _altered(landing: Landing, files: list[LandedFile], seen: dict[str, Entry]) -> list[str]:
    """Loaded files that now have other bytes. Only those whose size or time changed are read."""
    altered = []
    for file in files:
        entry = seen.get(file.name)
        if entry is None or entry.status != "loaded" or entry.matches(file):
            continue
        if file.problem:
            altered.append(file.name)
            continue
        with landing.local(file) as path:
            if sha256(path) != entry.sha256:
                altered.append(file.name)
    return altered
