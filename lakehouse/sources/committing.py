"""One staged batch into the lake: rows, rejected rows, manifest and progress in one commit."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from lakehouse.lake import Author, Lake, qualified, quote
from lakehouse.lake.columns import read_columns
from lakehouse.lake.progress import Progress, write_progress
from lakehouse.sources import manifest
from lakehouse.sources.manifest import Entry
from lakehouse.sources.spec import SYSTEM_COLUMNS, SourceSpec
from lakehouse.sources.staging import Staged, StagedFile

TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Commit:
    """What was written: files with their load ids and seals, columns that raw gained, reasons."""

    loads: list["Load"]
    new_columns: list[str]
    reasons: dict[str, int]


@dataclass(frozen=True)
class Load:
    """A file's place in the order: the source was complete up to `previous`, now is to `seal`."""

    entry: StagedFile
    load_id: int
    previous: datetime | None
    own: datetime
    seal: datetime
    loaded_at: datetime


def commit(
    spec: SourceSpec, lake: Lake, staged: Staged, run_id: str, now: datetime
) -> Commit | None:
    """Write a batch. None, and nothing written, when somebody else has loaded some of it."""
    message = f"load {len(staged.files)} files into {spec.table}"
    with lake.writer(Author(spec.table, run_id, message)) as cursor:
        seen = manifest.read_entries(cursor, spec.name)
        if any(
            entry.file.name in seen and seen[entry.file.name].status == "loaded"
            for entry in staged.files
        ):
            return None
        loads, seal = [], manifest.last_seal(seen)
        moment = now.astimezone(UTC).replace(tzinfo=None)
        load_id = manifest.last_load_id(cursor)
        for entry in staged.files:
            if entry.refused is None:
                load_id += 1
                previous, own = seal, spec.seal_pattern.read(entry.file.name)
                assert own is not None, "a file without a seal was refused when it was read"
                # a late file: its rows can be known only after what was already complete
                seal = own if previous is None else max(own, previous + TICK)
                loads.append(Load(entry, load_id, previous, own, seal, moment))
        added = _add_extras(cursor, spec, staged)
        if loads:
            insert_rows(cursor, spec, staged, loads)
            write_progress(cursor, spec.table, Progress(load_id, seal))
        manifest.write_entries(cursor, _entries(spec, staged, loads, moment, run_id))
        reasons = _reasons(cursor, staged)
    return Commit(loads, added, reasons)


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
    """Staged rows into raw, rejected ones into quarantine; or into other tables of their form."""
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
    declared = quote(spec.contract.declared_time)
    # greatest() passes over NULL: no previous seal, no bound from below
    known_at = (
        f"least(greatest(coalesce({declared}, _own), _previous + INTERVAL 1 microsecond), _seal)"
    )
    cursor.execute(
        f"INSERT INTO {raw or qualified(spec.table)} ({columns}, {', '.join(SYSTEM_COLUMNS)}) "
        f"SELECT {columns}, _file, _row, _load_id, _loaded_at, {known_at} AS known_at "
        f"FROM {staged.table} JOIN ({files}) USING (_no) WHERE _reason IS NULL "
        "ORDER BY known_at, _load_id, _row",
        lists,
    )
    if any(load.entry.rejected for load in loads):
        cursor.execute(
            f"INSERT INTO {quarantine or qualified(manifest.QUARANTINE)} "
            "SELECT ?, _file, _row, _load_id, _reason, _column, _text, _loaded_at "
            f"FROM {staged.table} JOIN ({files}) USING (_no) WHERE _reason IS NOT NULL "
            "ORDER BY _load_id, _row",
            [spec.name, *lists],
        )


def _entries(
    spec: SourceSpec, staged: Staged, loads: list[Load], moment: datetime, run_id: str
) -> list[Entry]:
    placed = {load.entry.number: load for load in loads}
    return [
        Entry(
            source=spec.name,
            file=entry.file.name,
            bytes=entry.file.bytes,
            modified=entry.file.modified,
            sha256=entry.sha256,
            status="loaded" if entry.refused is None else "quarantined",
            reason=entry.refused,
            load_id=placed[entry.number].load_id if entry.number in placed else None,
            seal=placed[entry.number].seal if entry.number in placed else None,
            rows=entry.rows,
            rejected=entry.rejected,
            loaded_at=moment,
            run_id=run_id,
        )
        for entry in staged.files
    ]


def _reasons(cursor: duckdb.DuckDBPyConnection, staged: Staged) -> dict[str, int]:
    found = cursor.execute(
        f"SELECT concat_ws(': ', _column, _reason), count(*) FROM {staged.table} "
        "WHERE _reason IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    return dict(found.fetchall())
