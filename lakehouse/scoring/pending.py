"""Which spine rows each version scores, as one temporary table, and the versions' predictions.

Features are read once for all versions that were trained on the same ones.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.lake import qualified, quote, table_exists
from lakehouse.models import ModelSpec
from lakehouse.models.inputs import join_features
from lakehouse.models.lots import draw_lots
from lakehouse.models.schema import Matrix, count_clipped
from lakehouse.scoring.inputs import as_lists
from lakehouse.scoring.log import predict_columns
from lakehouse.scoring.scorers import Scorer, Scorers

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class PredictionReport:
    """Why shadow versions failed, by name, and how many of the values that the champion read were
    clipped, by feature."""

    failed: Mapping[str, str] = field(default_factory=dict)
    clipped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Range:
    """Spine times to predict again, naive UTC, the end excluded; None is unbounded."""

    since: datetime | None
    until: datetime | None


def range_condition(time: str, redo: Range | None) -> tuple[str, list[Any]]:
    """SQL condition that `time` is in the range to redo, with its parameters."""
    if redo is None:
        return "false", []
    bounds = {">=": redo.since, "<": redo.until}
    given = {sign: bound for sign, bound in bounds.items() if bound is not None}
    return " AND ".join(["true", *(f"{time} {sign} ?" for sign in given)]), [*given.values()]


def select_pending(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Scorers,
    redo: Range | None,
) -> dict[int, int]:
    """Fill the temporary table `pending`; returns the number of rows per scorer, by place.

    Its columns are key, entities, `event_time`, `_load_id` and, for each scorer by place, a BOOLEAN
    `_0`, `_1`, ... Deciding versions score the rows that landed in their assigned loads, the
    champion also the range to redo. Shadow versions score the same rows, and rows decided while
    they were not scoring.
    """
    time, key = quote(spec.spine.time), quote(spec.spine.key)
    champion = scorers.champion
    in_range, bounds = range_condition("event_time", redo)
    conditions = [f"_load_id <= ? AND {time} >= ? AND {range_condition(time, redo)[0]}"]
    values: list[Any] = [champion.before.load_id, champion.start, *bounds]
    logged = table_exists(cursor, spec.predictions_table)
    kept, kept_bounds = "true", []
    if logged and redo is not None:  # rebuilt tables may have given rows other loads
        kept = (
            f"{key} NOT IN (SELECT {key} FROM {qualified(spec.predictions_table)} "
            f"WHERE event_time < ? OR NOT ({in_range}))"
        )
        kept_bounds = [champion.start, *bounds]
    for scorer in scorers.deciding:
        assert scorer.assignment is not None
        condition = f"_load_id > ? AND _load_id <= ? AND (_load_id > ? OR {time} >= ?)"
        conditions.append(f"{condition} AND {kept}")
        values += [
            scorer.assignment.after,
            scorer.assignment.until,
            scorer.trained_until,
            scorer.start,
        ]
        values += kept_bounds
    deciding = [champion, *scorers.deciding]
    for scorer in scorers.shadows:
        others = " OR ".join(_mark(one) for one in deciding if one.name != scorer.name)
        missed, bounds = "false", []
        if logged and scorer.before.load_id < champion.before.load_id:
            missed = (
                f"_load_id > ? AND {key} IN (SELECT {key} FROM {qualified(spec.predictions_table)} "
                "WHERE model_version <> ? AND _load_id > ?)"
            )
            bounds = [scorer.before.load_id, scorer.name, scorer.before.load_id]
        conditions.append(f"_load_id <= ? AND {time} >= ? AND ({others} OR ({missed}))")
        values += [scorer.after.load_id, scorer.start, *bounds]
    marks = [_mark(scorer) for scorer in scorers.all]
    listed = ", ".join(f"{c} AS {m}" for c, m in zip(conditions, marks, strict=True))
    entities = "".join(f"{quote(name)}, " for name in spec.spine.entities)
    first_load = 0 if redo else min(scorer.before.load_id for scorer in scorers.all)
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE pending AS FROM (
                SELECT {key}, {entities} {time} AS event_time, _load_id, {listed}
                FROM {qualified(spec.spine.table)}
                WHERE _load_id > ? AND (_load_id > ? OR {time} >= ?)
            ) WHERE {" OR ".join(marks)}""",
        [
            *values,
            first_load,
            champion.before.load_id,
            min(scorer.start for scorer in scorers.all),
        ],
    )
    counts = ", ".join(f"count(*) FILTER ({mark})" for mark in marks)
    counted = cursor.execute(f"SELECT {counts} FROM pending").fetchall()[0]
    return {scorer.place: int(n) for scorer, n in zip(scorers.all, counted, strict=True)}


def _mark(scorer: Scorer) -> str:
    return quote(f"_{scorer.place}")


def predict(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Scorers,
) -> PredictionReport:
    """Fill the temporary table `scored` of `stage` from `pending` of `reader`, batch by batch.

    Its columns are key, entities and time, `place` and `version` of the scorer, that version's
    prediction, and the `features` of a decision. Versions that failed have no rows.
    """
    failed: dict[str, str] = {}
    clipped: Counter[str] = Counter()
    champion = scorers.champion
    _make_scored(reader, stage, spec, champion)
    ordered = sorted(scorers.all, key=lambda one: (_hash(one), one.place))
    for _, group in groupby(ordered, key=_hash):
        members = [*group]
        schema = members[0].model.card.features
        features, joins = join_features(schema, spec.spine.key, f"w.{quote(spec.spine.key)}")
        selected = " OR ".join(map(_mark, members))
        rows = reader.execute(f"SELECT w.*, {features} FROM pending w {joins} WHERE {selected}")
        for batch in rows.to_arrow_reader(BATCH_ROWS):
            for scorer in members:
                if scorer.name in failed:
                    continue
                chosen = batch.filter(batch.column(f"_{scorer.place}"))
                try:
                    matrix = schema.matrix(chosen)
                    _add(stage, _scored(spec, scorer, chosen, matrix))
                    if scorer.decides:
                        clipped.update(count_clipped(schema.names, matrix))
                except Exception as error:
                    if scorer.name == champion.name:
                        raise
                    failed[scorer.name] = f"{type(error).__name__}: {error}"
    for name in failed:
        stage.execute("DELETE FROM scored WHERE version = ?", [name])
    return PredictionReport(failed, dict(clipped))


def _hash(scorer: Scorer) -> str:
    return scorer.model.card.features.hash


def _scored(
    spec: ModelSpec, scorer: Scorer, chosen: pa.RecordBatch, matrix: Matrix
) -> pa.RecordBatch:
    keys = chosen.column(spec.spine.key)
    row_columns = [spec.spine.key, *spec.spine.entities, "event_time", "_load_id"]
    columns = {
        **{name: chosen.column(name) for name in row_columns},
        "place": pa.repeat(pa.scalar(scorer.place, pa.int32()), len(keys)),
        "version": pa.repeat(scorer.name, len(keys)),
        **predict_columns(spec, scorer.model, keys, matrix),
        **_lots(spec, chosen),
    }
    if scorer.decides and spec.log.features:
        columns["features"] = as_lists(matrix)
    return pa.RecordBatch.from_pydict(columns)


def _lots(spec: ModelSpec, rows: pa.RecordBatch | pa.Table) -> dict[str, pa.Array]:
    """For a binary model the column `lot`, which breaks ties between equal scores; not logged."""
    if not spec.task.decides:
        return {}
    unit = spec.capacity.unit if spec.capacity else ""
    days = pc.cast(pc.cast(rows.column("event_time"), pa.date32()), pa.int32())
    units = rows.column(unit) if unit else None
    return {"lot": pa.array(draw_lots(spec, rows.column(spec.spine.key), units, days.to_numpy()))}


def _make_scored(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Scorer,
) -> None:
    schema = champion.model.card.features
    empty = np.empty((0, len(schema.features)), dtype=np.float32)
    rows = reader.execute("FROM pending LIMIT 0").to_arrow_table()
    columns = predict_columns(spec, champion.model, rows.column(spec.spine.key), empty) | _lots(
        spec, rows
    )
    row_columns = rows.select([spec.spine.key, *spec.spine.entities, "event_time", "_load_id"])
    empty_rows = row_columns.append_column("place", pa.array([], pa.int32()))
    empty_rows = empty_rows.append_column("version", pa.array([], pa.string()))
    for name, values in {**columns, "features": as_lists(empty)}.items():
        empty_rows = empty_rows.append_column(name, values)
    stage.register("rows", empty_rows)
    stage.execute("CREATE OR REPLACE TEMP TABLE scored AS FROM rows")
    stage.unregister("rows")


def _add(stage: duckdb.DuckDBPyConnection, batch: pa.RecordBatch) -> None:
    stage.register("rows", pa.Table.from_batches([batch]))
    stage.execute("INSERT INTO scored BY NAME FROM rows")
    stage.unregister("rows")
