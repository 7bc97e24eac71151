"""Batch scoring: the champion predicts every new spine row, once, as its features become final.

Nothing is trained or promoted here. Which rows are new follows from load ids, as everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from lakehouse.lake import Author, Lake, LakeError, NoSuchTable, qualified, quote
from lakehouse.lake.lake import fetch_value, table_exists
from lakehouse.lake.progress import Progress, read_progress, write_progress
from lakehouse.registry.promotion import champion_in
from lakehouse.registry.versions import lake_time
from lakehouse.scoring.log import OUTPUT_TYPES, Stamp, predicted_batch
from lakehouse.training import Model, ModelSpec, Split, load_model
from lakehouse.training.inputs import FeatureTable, join_features, pinned_tables, stale_sets

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class ScoreReport:
    """What one call of `score` did.

    `rows` were written with `version`; `without_features` spine rows of the same loads have none
    and never will, so they are not scored; `waiting` ones wait for features. `load_id` is the last
    load worked in. `stale_sets` are feature sets whose current version is another one than the
    champion reads, so that rows would wait for ever: let a version be promoted that reads it.
    """

    model: str
    version: str
    rows: int
    without_features: int
    waiting: int
    load_id: int
    stale_sets: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """Spine times to predict anew, naive UTC, the end excluded; None is unbounded."""

    since: datetime | None
    until: datetime | None


class ScoredMeanwhile(LakeError):
    """Another process scored the same rows while this one was at it."""


def score(
    spec: ModelSpec,
    lake: Lake,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
    run_id: str = "",
    now: datetime | None = None,
) -> ScoreReport:
    """Score what is new with the champion, from the start of its test period on.

    Earlier rows are what it learnt from, so a score of theirs would say nothing. A load is scored
    when the features of all its rows are final. Doing it again changes nothing.

    With `since` or `until` (spine times, naive UTC, the end excluded) or `full_refresh`, rows of
    that range are predicted anew as well, and replaced in the same commit; those before the
    champion's test period keep what was said of them at the time.

    Raises:
        NoChampion: when nothing has been promoted.
        BadArtefact, SchemaMismatch: when the champion cannot be used; the log stays as it was.
    """
    redo = Range(since, until) if full_refresh or since or until else None
    with lake.reader() as reader, lake.reader() as stage:
        reader.execute("BEGIN")  # one snapshot for everything that is read
        version = champion_in(reader, spec.name)
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
        tables = pinned_tables(reader, model.card.features)
        before = read_progress(reader, spec.predictions_table)
        after = _target(reader, spec, tables, before)
        start = Split.from_json(version.split).test_from
        wanted = _want(reader, spec, before, after, start, redo)
        stamp = Stamp(version.version, run_id, lake_time(now))
        predicted = _predict(reader, stage, spec, model, stamp) if wanted else 0
        report = ScoreReport(
            model=spec.name,
            version=version.version,
            rows=predicted,
            without_features=wanted - predicted,
            waiting=_waiting(reader, spec, after),
            load_id=after.load_id,
            stale_sets=stale_sets(reader, model.card.features),
        )
        if redo is None and not predicted and after == before:
            return report
        message = f"{predicted} predictions by {version.version}"
        with lake.writer(Author(spec.predictions_table, run_id, message)) as writer:
            if read_progress(writer, spec.predictions_table) != before:
                raise ScoredMeanwhile(
                    f"another process wrote {spec.predictions_table} meanwhile; run it again"
                )
            _write(reader, stage, writer, spec, predicted, start, redo)
            write_progress(writer, spec.predictions_table, after)
    return report


def _target(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    tables: list[FeatureTable],
    before: Progress,
) -> Progress:
    """Up to which load, and to which time, rows can be scored now.

    A spine row that became known after the seal of a feature set still waits for its features, and
    the whole load with it.
    """
    table = spec.spine.table
    if not table_exists(cursor, table):
        raise NoSuchTable(
            f"{spec.name} scores {table}, which is not in the lake; materialize it first"
        )
    spine = read_progress(cursor, table)
    load_id = int(fetch_value(cursor, f"SELECT coalesce(max(_load_id), 0) FROM {qualified(table)}"))
    seals = [read_progress(cursor, feature_table.table).seal for feature_table in tables]
    known = [seal for seal in (spine.seal, *seals) if seal is not None]
    if known:
        waiting = fetch_value(
            cursor,
            f"SELECT min(_load_id) FROM {qualified(table)} WHERE _load_id > ? AND known_at > ?",
            [before.load_id, min(known)],
        )
        load_id = load_id if waiting is None else waiting - 1
    return Progress(max(load_id, before.load_id), min(known, default=None))


def _waiting(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, after: Progress) -> int:
    query = f"SELECT count(*) FROM {qualified(spec.spine.table)} WHERE _load_id > ?"
    return int(fetch_value(cursor, query, [after.load_id]))


def _want(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    before: Progress,
    after: Progress,
    start: datetime,
    redo: Range | None,
) -> int:
    """Fill the temporary table `wanted` with the spine rows to score; returns how many."""
    time = quote(spec.spine.time)
    entities = "".join(f"{quote(name)}, " for name in spec.spine.entities)
    again, bounds = _within(time, redo)
    cursor.execute(
        f"""CREATE TEMP TABLE wanted AS
            SELECT {quote(spec.spine.key)}, {entities} {time} AS event_time, _load_id
            FROM {qualified(spec.spine.table)}
            WHERE _load_id <= ? AND {time} >= ? AND (_load_id > ? OR {again})""",
        [after.load_id, start, before.load_id, *bounds],
    )
    return int(fetch_value(cursor, "SELECT count(*) FROM wanted"))


def _predict(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    model: Model,
    stamp: Stamp,
) -> int:
    """Fill the temporary table `predicted` of `stage`, batch by batch; returns its rows."""
    features, joins = join_features(
        model.card.features, spec.spine.key, f"w.{quote(spec.spine.key)}"
    )
    rows = reader.execute(f"SELECT w.*, {features} FROM wanted w {joins}").to_arrow_reader(
        BATCH_ROWS
    )
    width = len(spec.spine.entities) + 3  # key, event_time and _load_id

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in rows:
            yield predicted_batch(model, batch, width, stamp)

    empty = pa.RecordBatch.from_pylist([], schema=rows.schema)
    schema = predicted_batch(model, empty, width, stamp).schema
    stream = pa.RecordBatchReader.from_batches(schema, batches())
    stage.register("stream", stream)
    stage.execute("CREATE TEMP TABLE predicted AS SELECT * FROM stream")
    stage.unregister("stream")
    return int(fetch_value(stage, "SELECT count(*) FROM predicted"))


def _write(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    predicted: int,
    start: datetime,
    redo: Range | None,
) -> None:
    """Change the log within the writer's transaction: range out, predictions in, by time."""
    table = qualified(spec.predictions_table)
    types = dict(
        reader.execute("SELECT column_name, column_type FROM (DESCRIBE wanted)").fetchall()
    )
    load_id = types.pop("_load_id")
    types |= {**OUTPUT_TYPES[spec.task], "_load_id": load_id}
    columns = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in types.items())
    writer.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
    if redo is not None:
        again, bounds = _within("event_time", redo)
        writer.execute(f"DELETE FROM {table} WHERE event_time >= ? AND {again}", [start, *bounds])
    if predicted:
        names = ", ".join(map(quote, types))
        ordered = f"SELECT {names} FROM predicted ORDER BY event_time, {quote(spec.spine.key)}"
        writer.register("incoming", stage.execute(ordered).to_arrow_reader(BATCH_ROWS))
        writer.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM incoming")
        writer.unregister("incoming")


def _within(time: str, redo: Range | None) -> tuple[str, list[datetime]]:
    """SQL for `time` being in the range to redo, with its parameters."""
    if redo is None:
        return "false", []
    bounds = {">=": redo.since, "<": redo.until}
    given = {sign: bound for sign, bound in bounds.items() if bound is not None}
    return " AND ".join(["true", *(f"{time} {sign} ?" for sign in given)]), [*given.values()]
