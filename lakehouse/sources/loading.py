"""Landed files into raw: each exactly once, its rows and its manifest entry in one commit.

Reading and checking (`staging.py`) happen before the write lock is taken, writing
(`committing.py`) under it. Whatever is killed whenever, the next call goes on with what the
manifest lacks: first what the ledger (`ledger.py`) has decided already, then new files.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb

from lakehouse.lake import Lake
from lakehouse.lake.columns import read_columns
from lakehouse.lake.lock import write_lock
from lakehouse.settings import Settings
from lakehouse.sources import manifest
from lakehouse.sources.committing import Commit, commit
from lakehouse.sources.deciding import Todo, find_todo, first_to_read, from_manifest
from lakehouse.sources.errors import LoadError
from lakehouse.sources.landing import LandedFile, Landing, sha256
from lakehouse.sources.ledger import FOLDER, Decision, Ledger
from lakehouse.sources.manifest import Entry
from lakehouse.sources.raw_table import create_tables, undeclared_columns
from lakehouse.sources.releasing import mark_released
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staging import Staged, StagedFile, stage
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


def pending_files(
    spec: SourceSpec,
    lake: Lake,
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[LandedFile]:
    """Landed files that `load` would take, in its order: as the ledger says, by seal, by name."""
    landing = Landing(settings, spec.name)
    files = landing.files()
    with lake.reader() as cursor:
        seen, again = manifest.read_entries(cursor, spec.name), to_read_again(cursor, spec.name)
        reference = _reference(cursor, spec, seen, now)
    ledger = Ledger(landing).since(first_to_read(seen, files))
    todo = find_todo(spec, files, seen, ledger, reference, _comparison(landing), again)
    landed = {file.name: file for file in files}
    return [landed.get(d.file, _absent(d)) for d in todo.decided] + list(todo.new)


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
    ledger = Ledger(landing)
    report.new_columns += create_tables(spec, lake)
    before, done, reference = Todo(0, None), None, None
    tried: set[str] = set()
    while True:
        with lake.cursor() as cursor:
            seen, again = manifest.read_entries(cursor, spec.name), to_read_again(cursor, spec.name)
            if not report.load_ids:  # the first load may be of any age
                reference = _reference(cursor, spec, seen, now)
            files = landing.files()
            decisions = agreed(spec, lake, ledger, seen, first_to_read(seen, files))
            if {decision.file for decision in decisions} - {file.name for file in files}:
                files = landing.files()  # it landed, and another lake loaded it, a moment ago
            todo = find_todo(spec, files, seen, decisions, reference, _comparison(landing), again)
            todo = todo.without(tried)  # a file that goes on changing is for the next call
            if not todo:
                report.seal = manifest.last_seal(seen)
                report.altered_files = _altered(landing, files, seen)
                return report
            if (todo.decided, todo.new) == (before.decided, before.new) and (
                done or todo.last == before.last
            ):
                raise LoadError(
                    f"{spec.name} makes no progress: {_first(todo)} was taken and is pending "
                    "again. Compare its entries in ops.files with the ledger in "
                    f"{landing.root}/{FOLDER} and report this as a fault"
                )
            try:
                extras = undeclared_columns(cursor, spec)
                landed = {file.name: file for file in files}
                with stage(cursor, spec, landing, _to_read(todo, landed), extras) as staged:
                    mark_released(cursor, landing, staged)
                    if todo.decided:
                        _put_in_order(staged, todo.decided, landed, landing)
                    done = commit(spec, lake, staged, todo, ledger, run_id, now())
            except (OSError, duckdb.Error) as error:
                raise LoadError(
                    f"loading {_first(todo)} and on from {landing.root} into {spec.table} failed, "
                    f"and nothing of this batch was kept: {error}. If a disk is full, free space "
                    f"under {settings.data_dir} and {settings.storage}; then run again"
                ) from error
        before = todo
        if done:
            if not todo.decided:
                tried.update(entry.file.name for entry in staged.files if entry.refused)
            _add(report, spec, staged, done)
            if progress:
                progress(report)


def _first(todo: Todo) -> str:
    return todo.decided[0].file if todo.decided else todo.new[0].name


def _reference(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    seen: dict[str, Entry],
    now: Callable[[], datetime],
) -> datetime | None:
    """Up to when other inputs are complete; before the first load, the time of day is one."""
    known = bool(seen or read_columns(cursor, manifest.FILES))
    others = manifest.last_of_others(cursor, spec.name) if known else None
    if manifest.last_seal(seen) is not None:
        return others
    moment = now().astimezone(UTC).replace(tzinfo=None)
    return max(others, moment) if others else moment


def _comparison(landing: Landing) -> Callable[[LandedFile, Entry], bool]:
    def is_altered(file: LandedFile, entry: Entry) -> bool:
        with landing.local(file) as path:
            return sha256(path) != entry.sha256

    return is_altered


def agreed(
    spec: SourceSpec, lake: Lake, ledger: Ledger, seen: dict[str, Entry], first: int
) -> list[Decision]:
    """The ledger from `first` on, once it holds all that this lake's manifest does.

    Raises:
        LoadError: when the two tell different stories.
    """
    last = manifest.last_number(seen)
    decisions = ledger.since(min(first, last))
    if (decisions[-1].number if decisions else 0) < last:
        # a lake from before there were ledgers, or a landing zone that lost the newest part of it
        with write_lock(lake.settings, spec.table), lake.reader() as cursor:
            after = decisions[-1].number if decisions else 0
            entries = manifest.all_entries(cursor, spec.name)
            ledger.append(from_manifest(spec, entries, after))
        decisions = ledger.since(min(first, last))
    for decision in decisions:
        entry = seen.get(decision.file)
        if decision.number > last or (entry and entry.number > decision.number):
            continue
        same = entry is not None and entry.number == decision.number
        if not same or (entry and entry.status == "loaded" and entry.seal != decision.seal):
            raise LoadError(
                f"the ledger of {spec.name} beside its landed files has {decision.file} as "
                f"number {decision.number}, sealed {decision.seal}, and this lake has not: it "
                "loaded them in another order, before there was a ledger. Make a new lake from the "
                "landing zone"
            )
    return decisions


def _is_decided_on(landing: Landing, file: LandedFile, decision: Decision) -> bool:
    if file.bytes != decision.bytes:
        return False
    with landing.local(file) as path:
        return sha256(path) == decision.sha256


def _absent(decision: Decision) -> LandedFile:
    return LandedFile(decision.file, "", decision.bytes, datetime.min)


def _to_read(todo: Todo, landed: dict[str, LandedFile]) -> list[LandedFile]:
    names = [decision.file for decision in todo.decided if decision.status == "loaded"]
    return [landed[name] for name in names if name in landed] or list(todo.new)


def _put_in_order(
    staged: Staged,
    decided: tuple[Decision, ...],
    landed: dict[str, LandedFile],
    landing: Landing,
) -> None:
    """Let `staged.files` be the first of `decided`: with those in between that nobody reads."""
    read = {entry.file.name: entry for entry in staged.files}
    unread = len(read)
    staged.files = []
    for decision in decided:
        file = landed.get(decision.file)
        if decision.status == "loaded" and file is not None:
            if decision.file not in read:
                return  # for a later batch
            entry = read[decision.file]
            if entry.sha256 != decision.sha256:
                entry.refused = (
                    f"its bytes are not those that were loaded first (the ledger has sha256 "
                    f"{decision.sha256[:12]}, this is {entry.sha256[:12]}); put the original back, "
                    "and land what is new under a name of its own"
                )
        else:
            why = decision.reason
            if decision.status == "loaded":
                why = "it was loaded once, but is not in the landing zone any more; put it back"
            # what was set aside then may have been corrected meanwhile, and is another file
            if file is None or not _is_decided_on(landing, file, decision):
                file = _absent(decision)
            entry = StagedFile(file, unread, decision.sha256, refused=why)
            unread += 1
        staged.files.append(entry)


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
    report.quarantined_files |= done.refused  # before the loads: a file may have been both
    for load in done.loads:
        report.files.append(load.entry.file.name)
        report.load_ids.append(load.load_id)
        report.rows += load.entry.rows
        report.rejected += load.entry.rejected
        report.seal = load.seal
        report.quarantined_files.pop(load.entry.file.name, None)
        if load.entry.rows < spec.volume.min_rows:
            report.short_files.append(load.entry.file.name)
    report.new_columns += done.new_columns
    report.reasons = dict(Counter(report.reasons) + Counter(done.reasons))
    report.missing |= staged.missing
    report.discarded = dict(Counter(report.discarded) + staged.discarded)
