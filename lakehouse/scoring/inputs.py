"""The features of decisions, as the model read them, kept for as long as `log.features` declares.

With them and the version's artefact a decision can be replayed, even after the feature tables have
changed. Their hash stays in the log permanently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.lake import Author, Lake, qualified, quote, table_exists
from lakehouse.lake.layout import decisions_table, inputs_table, log_table
from lakehouse.models import ModelSpec, load_model
from lakehouse.models.schema import Matrix
from lakehouse.registry.versions import find_versions, lake_time, pick
from lakehouse.scoring.log import predict_columns
from lakehouse.scoring.tables import DECISION


@dataclass(frozen=True)
class Replayed:
    """`rows` decisions replayed from stored features; `differences` describes mismatches."""

    rows: int
    differences: tuple[str, ...]


def as_lists(matrix: Matrix) -> pa.Array:
    """Each row of features (rows, features) as a list, for a column `FLOAT[]`."""
    rows, width = matrix.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(matrix).ravel()))


def replay(
    spec: ModelSpec, lake: Lake, *, keys: Sequence[object] | None = None, rows: int = 1_000
) -> Replayed:
    """Replay logged decisions from the log alone and compare hash and output bit for bit.

    Covers all decisions whose features are stored, superseded ones too: those about `keys`, or else
    the newest `rows`. Reads no feature table.

    Raises:
        BadArtefact: when a version's files are missing or changed.
    """
    with lake.reader() as cursor:
        if not table_exists(cursor, inputs_table(spec.name)):
            return Replayed(0, ())
        found = _kept(cursor, spec, keys, rows)
        versions = find_versions(cursor, spec.name)
    differences: list[str] = []
    for name in sorted(set(found["model_version"].to_pylist())):
        version = pick(versions, spec.name, name)
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
        own = found.filter(pc.equal(found["model_version"], name))
        width = len(model.card.features.features)
        matrix = np.array(own["features"].to_pylist(), dtype=np.float32).reshape(-1, width)
        replayed = predict_columns(spec, model, own[spec.spine.key].combine_chunks(), matrix)
        for column in ("feature_hash", spec.task.logged_number):
            differences += _differences(spec, own, column, replayed[column])
    return Replayed(len(found), tuple(differences))


def drop_inputs(
    lake: Lake, spec: ModelSpec, *, now: datetime | None = None, run_id: str = ""
) -> int:
    """Delete the features of decisions older than `log.features`; returns the number of rows.

    Deletes whole decisions, so that whole files go, except for the last. The hashes stay in the
    log. If there is nothing to delete, no snapshot is made.
    """
    table = inputs_table(spec.name)
    with lake.reader() as cursor:
        if not table_exists(cursor, table):
            return 0
        old = cursor.execute(
            f"SELECT {DECISION} FROM {qualified(decisions_table(spec.name))} WHERE scored_at <= ?",
            [lake_time(now) - spec.log.features],
        ).fetchall()
        oldest = cursor.execute(f"SELECT min({DECISION}) FROM {qualified(table)}").fetchall()[0][0]
    expired = [number for (number,) in old if oldest is not None and number >= oldest]
    if not expired:
        return 0
    days = spec.log.features / timedelta(days=1)
    author = Author(table, run_id, f"features of decisions are kept for {days:g} days")
    with lake.writer(author) as writer:
        where = f"WHERE {DECISION} IN (SELECT unnest(?))"
        (deleted,) = writer.execute(
            f"DELETE FROM {qualified(table)} {where}", [expired]
        ).fetchall()[0]
    return int(deleted)


def _kept(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    keys: Sequence[object] | None,
    rows: int,
) -> pa.Table:
    key, number = quote(spec.spine.key), quote(DECISION)
    where = "" if keys is None else f"WHERE i.{key} IN (SELECT unnest(?))"
    limit = f"LIMIT {int(rows)}" if keys is None else ""
    return cursor.execute(
        f"""SELECT i.{key}, i.features, l.model_version, l.feature_hash, l.{spec.task.logged_number}
            FROM {qualified(inputs_table(spec.name))} i
            JOIN {qualified(log_table(spec.predictions_table))} l
            ON l.{key} = i.{key} AND l.{number} = i.{number}
            {where} ORDER BY i.{number} DESC, i.{key} {limit}""",
        [] if keys is None else [list(keys)],
    ).to_arrow_table()


def _differences(spec: ModelSpec, logged: pa.Table, column: str, replayed: pa.Array) -> list[str]:
    old_values: Any = logged[column].to_pylist()
    keys = logged[spec.spine.key].to_pylist()
    return [
        f"{spec.spine.key} {key}: {column} was {old!r} and is now {new!r}"
        for key, old, new in zip(keys, old_values, replayed.to_pylist(), strict=True)
        if old != new and not (old != old and new != new)
    ]
