"""Decisions while no version can score: the declared base rate, in the same log, flagging nothing.

The fallback needs no features and no artefact: its constant comes from the newest pinned training
rows. Rows that it scored keep their score; the next champion starts after them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lakehouse.lake import (
    CATALOG,
    Author,
    Lake,
    LakeError,
    Progress,
    fetch_value,
    qualified,
    quote,
    read_progress,
    write_progress,
)
from lakehouse.lake.layout import TRAINING_SETS
from lakehouse.models import ModelSpec, Split
from lakehouse.registry import Version
from lakehouse.registry.promotion import find_champion
from lakehouse.registry.versions import find_transitions, find_versions, lake_time, pick
from lakehouse.scoring.deciders import ALL_LOADS, trained_until
from lakehouse.scoring.log import Stamp, in_control
from lakehouse.scoring.pending import BATCH_ROWS
from lakehouse.scoring.writing import write_decided

NAME = "fallback"
"""The version name in the log."""


class NoFallback(LakeError):
    """The declared fallback has no training rows to compute its constant from."""


@dataclass(frozen=True)
class Fallback:
    """The declared constant: a score, a forecast, or a class with its share."""

    score: float
    label: str = ""


@dataclass(frozen=True)
class LoadRange:
    """The loads after `after`, up to and including `until`."""

    after: int
    until: int


@dataclass(frozen=True)
class FallbackDecider:
    """The fallback as decider of some loads, in the form that the log needs."""

    assignment: LoadRange
    trained_until: int
    start: datetime
    name: str = NAME
    place: int = 0
    decides: bool = True


def is_active(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> bool:
    """Whether the declared fallback decides: a champion decided before, and none is left."""
    return (
        spec.promotion.fallback != "none"
        and find_champion(cursor, spec.name) is None
        and _last_champion(cursor, spec.name) is not None
    )


def _last_champion(cursor: duckdb.DuckDBPyConnection, model: str) -> Version | None:
    moves = find_transitions(cursor, model)
    name = next((move.version for move in moves if move.from_state == "champion"), None)
    return pick(find_versions(cursor, model), model, name) if name else None


def find_fallback(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> Fallback:
    """The constant, from the training rows of the newest pinned set.

    Raises:
        NoFallback: when there are none.
    """
    row = cursor.execute(
        f"SELECT training_set_id FROM {qualified(TRAINING_SETS)} WHERE model = ? "
        "ORDER BY rowid DESC LIMIT 1",  # in the order of the commits
        [spec.name],
    ).fetchone()
    table = f"{qualified(spec.training_table)} WHERE training_set_id = ? AND split = 'train'"
    found = row and cursor.execute(spec.task.constant_query(table), [row[0]]).fetchone()
    if found and found[0] is not None:
        return Fallback(float(found[0]), found[1])
    raise NoFallback(
        f"{spec.name}: no training rows are left to compute the base rate from; train a new "
        "version with "
        f"`lakehouse run --select models/{spec.name} --force`"
    )


@dataclass(frozen=True)
class FallbackReport:
    """The fallback wrote `rows` rows, of the loads up to `load_id`."""

    rows: int
    load_id: int
    fallback: Fallback


def score_by_fallback(
    spec: ModelSpec, lake: Lake, *, run_id: str = "", now: datetime | None = None
) -> FallbackReport:
    """Log the fallback for every row that no version has scored; running it again changes nothing.

    Rows that landed before the last champion was trained and are older than its test period are
    skipped, as they are by a champion.

    Raises:
        NoFallback: when no training rows are left.
    """
    key, time, table = quote(spec.spine.key), quote(spec.spine.time), qualified(spec.spine.table)
    with lake.reader() as reader, lake.cursor() as stage:
        before = read_progress(reader, spec.predictions_table)
        fallback = find_fallback(reader, spec)
        last_champion = _last_champion(reader, spec.name)
        start, trained = datetime.min, ALL_LOADS
        if last_champion is not None:
            start = Split.from_json(last_champion.split).test_from
            trained = trained_until(reader, last_champion)
        entities = "".join(f"{quote(name)}, " for name in spec.spine.entities)
        reader.execute(
            f"CREATE TEMP TABLE pending AS SELECT {key}, {entities} {time} AS event_time, _load_id "
            f"FROM {table} WHERE _load_id > ? AND (_load_id > ? OR {time} >= ?) "
            f"ORDER BY event_time, {key}",
            [before.load_id, trained, start],
        )
        rows = int(fetch_value(reader, "SELECT count(*) FROM pending"))
        last = fetch_value(reader, f"SELECT max(_load_id) FROM {table}")
        seal = read_progress(reader, spec.spine.table).seal
        reached = Progress(max(last or 0, before.load_id), seal)
        report = FallbackReport(rows, reached.load_id, fallback)
        if reached.load_id == before.load_id:
            return report
        _stage(reader, stage, spec, fallback)
        decider = FallbackDecider(LoadRange(before.load_id, reached.load_id), trained, start)
        message = f"{rows} rows by {NAME}: no version can score"
        snapshot = int(fetch_value(reader, f"FROM {CATALOG}.current_snapshot()"))
        stamp = Stamp(run_id, lake_time(now), snapshot)
        with lake.writer(Author(spec.predictions_table, run_id, message)) as writer:
            if read_progress(writer, spec.predictions_table) != before:
                raise LakeError(
                    f"another process wrote to {spec.predictions_table} at the same time; "
                    "run it again"
                )
            if find_champion(writer, spec.name) is not None:
                raise LakeError(f"{spec.name} has a champion again; run it again")
            write_decided(reader, stage, writer, spec, decider, rows, stamp)
            write_progress(writer, spec.predictions_table, reached)
    return report


def _stage(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    fallback: Fallback,
) -> None:
    """Fill the temporary tables that `write_decided` reads, batch by batch."""
    _add(stage, spec, reader.execute("FROM pending LIMIT 0").to_arrow_table(), fallback)
    for batch in reader.execute("FROM pending").to_arrow_reader(BATCH_ROWS):
        _add(stage, spec, pa.Table.from_batches([batch]), fallback)
    start = spec.capacity.period.start_sql("event_time") if spec.capacity else "event_time"
    stage.execute(
        f"CREATE TEMP TABLE thresholds AS SELECT DISTINCT version, {start} AS start, "
        "CAST('inf' AS DOUBLE) AS threshold, 1.0 AS ties FROM scored"
    )
    key = quote(spec.spine.key)
    stage.execute(
        f"CREATE TEMP TABLE reasons AS SELECT {key} AS key, '' AS reasons FROM scored LIMIT 0"
    )


def _add(
    stage: duckdb.DuckDBPyConnection, spec: ModelSpec, rows: pa.Table, fallback: Fallback
) -> None:
    """Add rows to `scored`; the first call creates the table."""
    n = len(rows)
    scored = rows.append_column("version", pa.array([NAME] * n, pa.string()))
    scored = scored.append_column("place", pa.array([0] * n, pa.int32()))
    for name, values in _logged_columns(spec, rows, fallback).items():
        scored = scored.append_column(name, values)
    scored = scored.append_column("feature_hash", pa.nulls(n, pa.string()))
    scored = scored.append_column("lot", pa.array(np.zeros(n)))
    stage.register("rows", scored)
    stage.execute("CREATE TEMP TABLE IF NOT EXISTS scored AS FROM rows LIMIT 0")
    stage.execute("INSERT INTO scored BY NAME FROM rows")
    stage.unregister("rows")


def _logged_columns(spec: ModelSpec, rows: pa.Table, fallback: Fallback) -> dict[str, Any]:
    columns = spec.task.logged_constant(fallback.score, fallback.label, len(rows))
    if spec.actions.mode == "block":
        control = [in_control(spec, one) for one in rows.column(spec.spine.key).to_pylist()]
        columns["control"] = pa.array(control, pa.bool_())
    return columns
