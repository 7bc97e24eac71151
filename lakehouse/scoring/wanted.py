"""Which spine rows each version scores, as one temporary table; and what versions say of them.

Features are read once for all versions that were trained on the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.lake import qualified, quote
from lakehouse.lake.lake import table_exists
from lakehouse.scoring.log import said
from lakehouse.scoring.scorers import Scorer
from lakehouse.training import ModelSpec
from lakehouse.training.inputs import join_features
from lakehouse.training.lots import lots

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Range:
    """Spine times to predict anew, naive UTC, the end excluded; None is unbounded."""

    since: datetime | None
    until: datetime | None


def within(time: str, redo: Range | None) -> tuple[str, list[Any]]:
    """SQL for `time` being in the range to redo, with its parameters."""
    if redo is None:
        return "false", []
    bounds = {">=": redo.since, "<": redo.until}
    given = {sign: bound for sign, bound in bounds.items() if bound is not None}
    return " AND ".join(["true", *(f"{time} {sign} ?" for sign in given)]), [*given.values()]


def want(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Sequence[Scorer],
    redo: Range | None,
) -> list[int]:
    """Fill the temporary table `wanted`; returns how many rows are wanted of each scorer.

    It has key, entities, `event_time`, `_load_id` and, for each scorer by position, a BOOLEAN `_0`,
    `_1`, ... The champion scores what is new, and the range to redo. Versions beside it score the
    same rows, and those that others decided while they were not scoring.
    """
    time, key = quote(spec.spine.time), quote(spec.spine.key)
    champion, *others = scorers
    again, bounds = within(time, redo)
    conditions = [f"_load_id <= ? AND {time} >= ? AND (_load_id > ? OR {again})"]
    values: list[Any] = [champion.after.load_id, champion.start, champion.before.load_id, *bounds]
    logged = table_exists(cursor, spec.predictions_table)
    for scorer in others:
        missed, bounds = "false", []
        if logged and scorer.before.load_id < champion.before.load_id:
            missed = (
                f"_load_id > ? AND {key} IN (SELECT {key} FROM {qualified(spec.predictions_table)} "
                "WHERE model_version <> ? AND _load_id > ?)"
            )
            bounds = [scorer.before.load_id, scorer.name, scorer.before.load_id]
        conditions.append(f'_load_id <= ? AND {time} >= ? AND ("_0" OR ({missed}))')
        values += [scorer.after.load_id, scorer.start, *bounds]
    marks = [quote(f"_{i}") for i in range(len(scorers))]
    listed = ", ".join(f"{c} AS {m}" for c, m in zip(conditions, marks, strict=True))
    entities = "".join(f"{quote(name)}, " for name in spec.spine.entities)
    first_load = 0 if redo else min(scorer.before.load_id for scorer in scorers)
    cursor.execute(
        f"""CREATE TEMP TABLE wanted AS FROM (
                SELECT {key}, {entities} {time} AS event_time, _load_id, {listed}
                FROM {qualified(spec.spine.table)} WHERE _load_id > ? AND {time} >= ?
            ) WHERE {" OR ".join(marks)}""",
        [*values, first_load, min(scorer.start for scorer in scorers)],
    )
    counts = ", ".join(f"count(*) FILTER ({mark})" for mark in marks)
    return [int(n) for n in cursor.execute(f"SELECT {counts} FROM wanted").fetchall()[0]]


def predict(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Sequence[Scorer],
) -> dict[str, str]:
    """Fill the temporary table `scored` of `stage` from `wanted` of `reader`, batch by batch.

    It has who and when, `version`, and what that version says. Returns why versions beside the
    champion failed, by name; they have no rows then.
    """
    failed: dict[str, str] = {}
    _make_scored(reader, stage, spec, scorers[0])
    places = sorted(range(len(scorers)), key=lambda i: (_hash(scorers[i]), i))
    for _, group in groupby(places, key=lambda i: _hash(scorers[i])):
        members = [*group]
        schema = scorers[members[0]].model.card.features
        features, joins = join_features(schema, spec.spine.key, f"w.{quote(spec.spine.key)}")
        asked = " OR ".join(quote(f"_{i}") for i in members)
        rows = reader.execute(f"SELECT w.*, {features} FROM wanted w {joins} WHERE {asked}")
        for batch in rows.to_arrow_reader(BATCH_ROWS):
            for i in members:
                name = scorers[i].name
                if name in failed:
                    continue
                try:
                    _add(stage, _scored(spec, scorers[i], i, batch))
                except Exception as error:
                    if i == 0:
                        raise
                    failed[name] = f"{type(error).__name__}: {error}"
    for name in failed:
        stage.execute("DELETE FROM scored WHERE version = ?", [name])
    return failed


def _hash(scorer: Scorer) -> str:
    return scorer.model.card.features.hash


def _scored(spec: ModelSpec, scorer: Scorer, place: int, batch: pa.RecordBatch) -> pa.RecordBatch:
    chosen = batch.filter(batch.column(f"_{place}"))
    keys = chosen.column(spec.spine.key)
    matrix = scorer.model.card.features.matrix(chosen)
    who_and_when = [spec.spine.key, *spec.spine.entities, "event_time", "_load_id"]
    return pa.RecordBatch.from_pydict(
        {
            **{name: chosen.column(name) for name in who_and_when},
            "version": pa.repeat(scorer.name, len(keys)),
            **said(spec, scorer.model, keys, matrix),
            **_lots(spec, chosen),
        }
    )


def _lots(spec: ModelSpec, rows: pa.RecordBatch | pa.Table) -> dict[str, pa.Array]:
    """For a binary model the column `lot`, by which equal scores are told apart; not logged."""
    if spec.task != "binary":
        return {}
    unit = spec.capacity.unit if spec.capacity else ""
    days = pc.cast(pc.cast(rows.column("event_time"), pa.date32()), pa.int32())
    units = rows.column(unit) if unit else None
    return {"lot": pa.array(lots(spec, rows.column(spec.spine.key), units, days.to_numpy()))}


def _make_scored(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Scorer,
) -> None:
    schema = champion.model.card.features
    empty = np.empty((0, len(schema.features)), dtype=np.float32)
    rows = reader.execute("FROM wanted LIMIT 0").to_arrow_table()
    columns = said(spec, champion.model, rows.column(spec.spine.key), empty) | _lots(spec, rows)
    who_and_when = rows.select([spec.spine.key, *spec.spine.entities, "event_time", "_load_id"])
    made = who_and_when.append_column("version", pa.array([], pa.string()))
    for name, values in columns.items():
        made = made.append_column(name, values)
    stage.register("rows", made)
    stage.execute("CREATE TEMP TABLE scored AS FROM rows")
    stage.unregister("rows")


def _add(stage: duckdb.DuckDBPyConnection, batch: pa.RecordBatch) -> None:
    stage.register("rows", pa.Table.from_batches([batch]))
    stage.execute("INSERT INTO scored BY NAME FROM rows")
    stage.unregister("rows")
