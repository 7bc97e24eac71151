"""Removes a wrong file from raw, as a recorded decision. The file itself stays landed.

Downstream tables are not changed here: `Unloaded` has the range of days that its rows touched.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from lakehouse.lake import Author, Lake, Progress, qualified, quote, read_progress, write_progress
from lakehouse.lake.layout import FILES
from lakehouse.settings import Settings
from lakehouse.sources import manifest
from lakehouse.sources.agreement import reconcile
from lakehouse.sources.errors import LoadError
from lakehouse.sources.landing import Landing
from lakehouse.sources.ledger import Decision, Ledger
from lakehouse.sources.manifest import Entry
from lakehouse.sources.raw_table import create_tables, remove_file
from lakehouse.sources.spec import SourceSpec, complete_until


@dataclass(frozen=True)
class Unloaded:
    """What was removed. `since` and `until`: the earliest declared time and the latest known-at of
    its rows and of others with their keys (UTC, naive). `seal` is the source's from now on.
    `repeats` are files with the same bytes, which were skipped and stay so."""

    file: str
    rows: int
    rejected: int
    since: datetime | None
    until: datetime | None
    seal: datetime | None
    repeats: tuple[str, ...] = ()


def unload(
    spec: SourceSpec,
    lake: Lake,
    settings: Settings,
    file: str,
    *,
    who: str,
    why: str,
    now: datetime | None = None,
) -> Unloaded:
    """Remove `file` from raw and quarantine in one commit, and from every lake made from now on.

    The seals of other files stay; if it was the newest, the source is complete up to the seal
    before it.

    Raises:
        LoadError: when it is not loaded, or another process is changing the source.
    """
    ledger = Ledger(Landing(settings, spec.name))
    create_tables(spec, lake)
    at = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    message = f"unload {file} ({who}: {why})"
    with lake.writer(Author(spec.table, message=message)) as cursor:
        seen = manifest.read_entries(cursor, spec.name)
        last = manifest.last_number(seen)
        entry = _loaded(spec, seen, file)
        others = {name: other for name, other in seen.items() if name != file}
        seal = manifest.last_seal(others)
        decision = Decision(
            number=last + 1,
            file=file,
            status="unloaded",
            bytes=entry.bytes,
            sha256=entry.sha256,
            previous=manifest.last_seal(seen),
            own=spec.named_seal(file) or entry.seal,
            seal=seal,
            reason=why,
            who=who,
            at=at,
        )
        decisions = reconcile(spec, lake, ledger, seen, last)
        is_behind = bool(decisions) and decisions[-1].number > last
        if is_behind or not ledger.append([decision]):
            raise LoadError(
                f"{spec.name} was changed by another process or lake; run "
                f"`lakehouse run --select raw/{spec.name}`, then unload {file} again"
            )
        since, until = _touched(cursor, spec, file)
        remove_file(cursor, spec, file)
        manifest.write_entries(cursor, [_entry(entry, decision, at)])
        done = read_progress(cursor, spec.table)
        write_progress(cursor, spec.table, Progress(done.load_id, complete_until(spec, seal)))
    repeats = tuple(
        name
        for name, other in sorted(others.items())
        if other.status == "skipped" and other.sha256 == entry.sha256
    )
    return Unloaded(file, entry.rows, entry.rejected, since, until, seal, repeats)


def _loaded(spec: SourceSpec, seen: dict[str, Entry], file: str) -> Entry:
    entry = seen.get(file)
    if entry is not None and entry.seal is not None:
        return entry
    state = f"is {entry.status}" if entry else "was never loaded"
    raise LoadError(
        f"{file} of {spec.name} {state}, so there is nothing to unload; "
        f"`lakehouse sql \"FROM {FILES} WHERE source = '{spec.name}'\"` lists its files"
    )


def _entry(entry: Entry, decision: Decision, at: datetime) -> Entry:
    return Entry(
        source=entry.source,
        file=entry.file,
        bytes=entry.bytes,
        modified=entry.modified,
        sha256=entry.sha256,
        status="unloaded",
        reason=decision.attributed_reason,
        load_id=None,
        seal=None,
        rows=0,
        rejected=0,
        loaded_at=at,
        run_id="",
        number=decision.number,
    )


def _touched(
    cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, file: str
) -> tuple[datetime | None, datetime | None]:
    """Times of the file's rows and of others with their keys: the first of a key may change."""
    stored = {column.name for column in spec.contract.stored}
    keys = ", ".join(quote(name) for name in spec.contract.key if name in stored)
    table = qualified(spec.table)
    declared = quote(spec.contract.declared_time) if spec.contract.declared_time else "NULL"
    same = f"({keys}) IN (SELECT ({keys}) FROM {table} WHERE _file = ?)" if keys else "_file = ?"
    row = cursor.execute(
        f"SELECT min(least({declared}, known_at)), max(known_at) FROM {table} WHERE {same}", [file]
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)
