"""Commits a staged batch to the lake: rows, rejected rows, manifest and progress at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import duckdb

from lakehouse.lake import (
    Author,
    Lake,
    Progress,
    layout,
    qualified,
    quote,
    read_columns,
    read_progress,
    write_progress,
)
from lakehouse.sources import manifest
from lakehouse.sources.contract import SYSTEM_COLUMNS
from lakehouse.sources.deciding import Todo, decide
from lakehouse.sources.ledger import Decision, Ledger
from lakehouse.sources.manifest import Entry
from lakehouse.sources.raw_table import remove_file
from lakehouse.sources.spec import SourceSpec, complete_until
from lakehouse.sources.staged import Staged, StagedFile


@dataclass(frozen=True)
class Commit:
    """What was written: files with their load ids and seals, refused and skipped files with their
    reasons, columns that raw gained, reasons of rejected rows."""

    loads: list["Load"]
    refused: dict[str, str]
    skipped: dict[str, str]
    new_columns: list[str]
    reasons: dict[str, int]


@dataclass(frozen=True)
class Load:
    """A file's place in the order: the source was complete up to `previous`, now up to `seal`."""

    entry: StagedFile
    load_id: int
    previous: datetime | None
    own: datetime
    seal: datetime
    loaded_at: datetime


def commit(
    spec: SourceSpec,
    lake: Lake,
    staged: Staged,
    todo: Todo,
    ledger: Ledger,
    run_id: str,
    now: datetime,
    released: Collection[str] = (),
) -> Commit | None:
    """Write a batch: `staged.files` are the first of `todo`, in order.

    Assigns new files their places, and writes them to the ledger before the lake. `released` are
    the files that hold released rows. Returns None, with nothing written, when another process has
    changed this source meanwhile.
    """
    message = f"load {len(staged.files)} files into {spec.table}"
    with lake.writer(Author(spec.table, run_id, message)) as cursor:
        seen = manifest.read_entries(cursor, spec.name)
        if manifest.last_number(seen) != todo.last:
            return None
        decisions: Sequence[Decision] = todo.decided[: len(staged.files)]
        if not todo.decided:
            others = manifest.last_seal_of_others(cursor, spec.name)
            decisions = decide(spec, staged.files, seen, todo.reference, others, released)
            if not ledger.append(decisions):
                return None
        loads, load_id = [], manifest.last_load_id(cursor)
        load_ids: dict[int, int] = {}
        moment = now.astimezone(UTC).replace(tzinfo=None)
        for decision, entry in zip(decisions, staged.files, strict=True):
            if decision.status == "unloaded":
                remove_file(cursor, spec, entry.file.name)
            elif decision.status == "skipped":
                if decision.moves_seal:
                    load_id += 1
                    load_ids[entry.number] = load_id
            elif entry.refused is None:
                load_id += 1
                load_ids[entry.number] = load_id
                assert decision.own is not None
                assert decision.seal is not None
                places = (decision.previous, decision.own, decision.seal)
                loads.append(Load(entry, load_id, *places, moment))
        added = _add_extras(cursor, spec, staged)
        if loads:
            insert_rows(cursor, spec, staged, loads)
        entries = _entries(spec, staged, decisions, load_ids, moment, run_id)
        if repeated := [entry.number for entry in entries if entry.number <= todo.last]:
            manifest.delete_entries(cursor, spec.name, repeated)
        manifest.write_entries(cursor, entries)
        last = load_id if load_ids else read_progress(cursor, spec.table).load_id
        seal = manifest.last_seal(seen | {entry.file: entry for entry in entries})
        write_progress(cursor, spec.table, Progress(last, complete_until(spec, seal)))
        reasons = _reasons(cursor, staged, loads)
    refused, skipped = (
        {entry.file: entry.reason or "" for entry in entries if entry.status == status}
        for status in ("quarantined", "skipped")
    )
    return Commit(loads, refused, skipped, added, reasons)


def _add_extras(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, staged: Staged) -> list[str]:
    added = [name for name in staged.extras if name not in read_columns(cursor, spec.table)]
    for name in added:
        cursor.execute(f"ALTER TABLE {qualified(spec.table)} ADD COLUMN {quote(name)} VARCHAR")
    return added


def insert_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    staged: Staged,
    loads: list[Load],
    *,
    raw: str = "",
    quarantine: str = "",
) -> None:
    """Insert staged rows into raw, rejected ones into quarantine, or into tables like these."""
    names = [column.name for column in spec.contract.stored] + staged.extras
    columns = ", ".join(map(quote, names))
    places = [
        (
            load.entry.number,
            load.entry.file.name,
            load.load_id,
            load.previous,
            load.own,
            load.seal,
            load.loaded_at,
        )
        for load in loads
    ]
    lists = [list(values) for values in zip(*places, strict=True)]
    files = (
        "SELECT unnest(CAST(? AS INTEGER[])) AS _no, unnest(CAST(? AS VARCHAR[])) AS _file, "
        "unnest(CAST(? AS BIGINT[])) AS _load_id, unnest(CAST(? AS TIMESTAMP[])) AS _previous, "
        "unnest(CAST(? AS TIMESTAMP[])) AS _own, unnest(CAST(? AS TIMESTAMP[])) AS _seal, "
        "unnest(CAST(? AS TIMESTAMP[])) AS _loaded_at"
    )
    time = spec.contract.declared_time
    declared = f"coalesce({quote(time)}, _own)" if time else "_own"
    # greatest() ignores NULL: without a previous seal there is no lower bound
    known_at = f"least(greatest({declared}, _previous + INTERVAL 1 microsecond), _seal)"
    cursor.execute(
        f"INSERT INTO {raw or qualified(spec.table)} ({columns}, {', '.join(SYSTEM_COLUMNS)}) "
        f"SELECT {columns}, _file, _row, _load_id, _loaded_at, {known_at} AS known_at "
        f"FROM {staged.table} JOIN ({files}) USING (_no) WHERE _reason IS NULL "
        "ORDER BY known_at, _load_id, _row",
        lists,
    )
    if any(load.entry.rejected for load in loads):
        cursor.execute(
            f"INSERT INTO {quarantine or qualified(layout.QUARANTINED)} "
            "SELECT ?, _file, _row, _load_id, _reason, _column, _text, _loaded_at "
            f"FROM {staged.table} JOIN ({files}) USING (_no) WHERE _reason IS NOT NULL "
            "ORDER BY _load_id, _row",
            [spec.name, *lists],
        )


def _entries(
    spec: SourceSpec,
    staged: Staged,
    decisions: Sequence[Decision],
    load_ids: Mapping[int, int],
    moment: datetime,
    run_id: str,
) -> list[Entry]:
    entries = []
    for decision, entry in zip(decisions, staged.files, strict=True):
        load_id = load_ids.get(entry.number)
        is_loaded = load_id is not None and decision.status == "loaded"
        status: Literal["loaded", "quarantined", "unloaded", "skipped"] = "quarantined"
        reason = entry.drift if is_loaded else entry.refused
        if is_loaded:
            status = "loaded"
        elif decision.status in ("unloaded", "skipped"):
            status, reason = decision.status, decision.attributed_reason
        entries.append(
            Entry(
                source=spec.name,
                file=entry.file.name,
                bytes=entry.file.bytes,
                modified=entry.file.modified,
                sha256=decision.sha256,
                status=status,
                reason=reason,
                load_id=load_id,
                seal=decision.seal if decision.moves_seal else None,
                rows=entry.rows if is_loaded else 0,
                rejected=entry.rejected if is_loaded else 0,
                loaded_at=moment,
                run_id=run_id,
                number=decision.number,
            )
        )
    return entries


def _reasons(
    cursor: duckdb.DuckDBPyConnection, staged: Staged, loads: list[Load]
) -> dict[str, int]:
    found = cursor.execute(
        f"SELECT concat_ws(': ', _column, _reason), count(*) FROM {staged.table} "
        "WHERE _reason IS NOT NULL AND _no IN (SELECT unnest(CAST(? AS INTEGER[]))) "
        "GROUP BY ALL ORDER BY ALL",
        [[load.entry.number for load in loads]],
    )
    return dict(found.fetchall())
