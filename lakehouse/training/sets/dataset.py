"""Training sets: a spine with features and settled labels, as of one lake snapshot, pinned.

A set's rows are stored in `training.<model>` under an id from their hash, so that a version can be
trained again after the snapshot has expired. Fitting and evaluation are elsewhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from lakehouse.evaluation.review_document import RowCount
from lakehouse.lake import (
    CATALOG,
    Author,
    Lake,
    LakeError,
    NoSuchTable,
    fetch_value,
    layout,
    qualified,
    quote,
    read_columns,
    table_exists,
)
from lakehouse.models.errors import NotEnoughData, TrainingError
from lakehouse.models.inputs import feature_tables, join_features, schema_of
from lakehouse.models.labels import complete_until, label_columns, label_query
from lakehouse.models.schema import FeatureSchema
from lakehouse.models.spec import Forward, ModelSpec
from lakehouse.models.split import Split, plan_split
from lakehouse.registry import tables as registry_tables
from lakehouse.training.sets.label_checks import check_days, check_labels, refuse_unreadable
from lakehouse.training.sets.row_counts import blocked_sql, count_rows, refuse_empty, why_no_rows
from lakehouse.training.sets.row_hash import content_hash
from lakehouse.training.sets.spine_times import SpineTimes

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class TrainingSet:
    """A pinned training set. `id` is the start of `hash`; `rows` counts all three periods.

    `counts` accounts for the spine's rows of each period; it is empty for a set read back from the
    lake.
    """

    model: str
    id: str
    hash: str
    rows: int
    without_features: int
    snapshot: int
    split: Split
    schema: FeatureSchema
    counts: tuple[RowCount, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Plan:
    """The inputs of a training set made now, before any row is read."""

    schema: FeatureSchema
    split: Split
    snapshot: int


def plan(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, split: Split | None = None) -> Plan:
    """Inspect the inputs within the cursor's transaction; `split` replaces the planned periods.

    Raises:
        NoSuchTable, NotEnoughData, TrainingError: for missing, short and unusable inputs.
    """
    label = spec.label_table
    for table in (spec.spine.table, label):
        if not table_exists(cursor, table):
            raise NoSuchTable(
                f"{spec.name} reads {table}, which is not in the lake; materialize it first"
            )
    _refuse_inexact(cursor, spec)
    refuse_unreadable(cursor, spec)
    schema = schema_of(spec, feature_tables(cursor, spec))
    if split is None:
        first = fetch_value(
            cursor, f"SELECT min({quote(spec.spine.time)}) FROM {qualified(spec.spine.table)}"
        )
        cutoff = complete_until(cursor, label, spec.label.known_at)
        if first is None or cutoff is None:
            raise NotEnoughData(why_no_rows(cursor, spec, first))
        split = plan_split(spec, cutoff, first, SpineTimes(cursor, spec))
    snapshot = int(fetch_value(cursor, f"FROM {quote(CATALOG)}.current_snapshot()"))
    return Plan(schema, split, snapshot)


def _refuse_inexact(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Refuse floating-point sums: they depend on threads, so the set's hash would vary."""
    label = spec.label
    if not isinstance(label, Forward) or label.op != "sum":
        return
    kind = read_columns(cursor, label.stream).get(label.value or "")
    if kind in ("DOUBLE", "FLOAT"):
        raise TrainingError(
            f"{spec.name}: the label sums {label.stream}.{label.value}, which is {kind}; such sums "
            "depend on the number of threads. Make the column DECIMAL or an integer of minor units"
        )


def training_set(
    spec: ModelSpec,
    lake: Lake,
    *,
    split: Split | None = None,
    run_id: str = "",
    now: datetime | None = None,
) -> TrainingSet:
    """Make and pin the training set of the lake's current state; identical rows are stored once.

    Raises:
        NotEnoughData: without rows, or with an empty period.
        TrainingError: when a key is not unique in the spine, the labels or a feature set.
    """
    with lake.reader() as reader:
        planned = plan(reader, spec, split)
        _compute(reader, spec, planned)
        counts = count_rows(reader, spec, planned.split)
        refuse_empty(spec, planned.split, counts)
        ordered = _read_ordered(reader, "computed", spec, planned.schema)
        digest, rows = content_hash(ordered, ordered.schema)
        result = TrainingSet(
            model=spec.name,
            id=digest[:16],
            hash=digest,
            rows=rows,
            without_features=sum(each.without_features for each in counts),
            snapshot=planned.snapshot,
            split=planned.split,
            schema=planned.schema,
            counts=counts,
        )
        author = Author(spec.training_table, run_id, f"pin training set {result.id}")
        if not _is_pinned(reader, result):
            with lake.writer(author) as writer:
                if not _is_pinned(writer, result):
                    _pin(reader, writer, spec, result, now or datetime.now(UTC))
        return result


def read_rows(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, pinned: TrainingSet, period: str = ""
) -> pa.RecordBatchReader:
    """The rows of a pinned training set (or of one of its periods), ordered by key, in batches."""
    conditions = {"training_set_id": pinned.id} | ({"split": period} if period else {})
    return _read_ordered(cursor, qualified(spec.training_table), spec, pinned.schema, conditions)


def pinned_set(cursor: duckdb.DuckDBPyConnection, model: str, set_id: str) -> TrainingSet:
    """The pinned training set with this id. Raises `TrainingError` if it does not exist."""
    row = None
    if table_exists(cursor, layout.TRAINING_SETS):
        row = cursor.execute(
            "SELECT hash, rows, without_features, snapshot, split, feature_schema "
            f"FROM {qualified(layout.TRAINING_SETS)} "
            "WHERE model = ? AND training_set_id = ?",
            [model, set_id],
        ).fetchone()
    if row is None:
        raise TrainingError(
            f"{model} has no training set {set_id}; {layout.TRAINING_SETS} lists the existing ones"
        )
    digest, rows, without_features, snapshot, split, schema = row
    return TrainingSet(
        model=model,
        id=set_id,
        hash=digest,
        rows=rows,
        without_features=without_features,
        snapshot=snapshot,
        split=Split.from_json(json.loads(split)),
        schema=FeatureSchema.model_validate_json(schema),
    )


def row_columns(spec: ModelSpec) -> list[str]:
    """The columns of a training set that precede its features."""
    return ["split", "key", *spec.spine.entities, "event_time", *label_columns(spec)]


def _compute(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, planned: Plan) -> None:
    """Fill the temporary tables `spine`, `labelled` and `computed`."""
    split = planned.split
    key, time = quote(spec.spine.key), quote(spec.spine.time)
    period = f"""CASE
        WHEN s.{time} >= $train_from AND s.{time} < $train_until THEN 'train'
        WHEN s.{time} >= $validation_from AND s.{time} < $validation_until THEN 'validation'
        WHEN s.{time} >= $test_from AND s.{time} < $test_until THEN 'test' END"""
    acting = [spec.label.spine_entity] if isinstance(spec.label, Forward) else []
    used = dict.fromkeys([spec.spine.key, spec.spine.time, *spec.spine.entities, *acting])
    columns = ", ".join(f"s.{quote(name)}" for name in used)
    columns += f", {_arrival_sql(cursor, spec)} AS _arrived"
    cursor.execute(
        f"""CREATE TEMP TABLE spine AS
            SELECT {columns}, {period} AS period FROM {qualified(spec.spine.table)} s
            WHERE period IS NOT NULL AND (period <> 'train' OR $every = 1
                OR md5_number_lower(CAST(s.{key} AS VARCHAR)) % $every = 0)""",
        {
            **{name: value for name, value in vars(split).items() if name != "cutoff"},
            "every": spec.split.sample_every,
        },
    )
    columns = ", ".join(f"l.{quote(name)}" for name in label_columns(spec))
    entities = "".join(f"s.{quote(name)}, " for name in spec.spine.entities)
    cursor.execute(
        f"""CREATE TEMP TABLE labelled AS
            WITH labels AS ({label_query(cursor, spec)})
            SELECT s.period AS split, s.{key} AS key, {entities} s.{time} AS event_time, {columns},
                s._arrived, l.label_known_at < CASE s.period
                WHEN 'train' THEN $validation_from WHEN 'validation' THEN $test_from
                ELSE $cutoff + to_microseconds(1) END AS _in_time
            FROM spine s JOIN labels l ON l.key = s.{key} WHERE NOT {blocked_sql(cursor, spec)}""",
        {
            "validation_from": split.validation_from,
            "test_from": split.test_from,
            "cutoff": split.cutoff,
        },
    )
    check_labels(cursor, spec)
    cursor.execute("DELETE FROM labelled WHERE _in_time IS NOT TRUE")
    check_days(cursor, spec)
    features, joins = join_features(planned.schema, spec.spine.key, "l.key")
    cursor.execute(
        "CREATE TEMP TABLE computed AS SELECT l.* EXCLUDE (_arrived, _in_time), "
        f"{features} FROM labelled l {joins}"
    )
    _refuse_repeated(cursor, spec)


def _refuse_repeated(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Refuse keys that joins multiplied."""
    rows, keys = cursor.execute("SELECT count(*), count(DISTINCT key) FROM computed").fetchall()[0]
    if rows != keys:
        raise TrainingError(
            f"{spec.name}: {rows - keys} rows repeat a {spec.spine.key}; it must be unique in "
            f"the spine, the labels and every feature set ({', '.join(spec.upstream_tables)})"
        )


def _arrival_sql(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> str:
    """SQL for when a spine row itself became known: labels of late rows settle later."""
    has_one = "known_at" in read_columns(cursor, spec.spine.table)
    return "s.known_at" if has_one else f"s.{quote(spec.spine.time)}"


def _read_ordered(
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    spec: ModelSpec,
    schema: FeatureSchema,
    conditions: Mapping[str, str] | None = None,
) -> pa.RecordBatchReader:
    names = ", ".join(map(quote, [*row_columns(spec), *schema.names]))
    conditions = conditions or {}
    where = " AND ".join(["true", *(f"{quote(name)} = ?" for name in conditions)])
    query = f"SELECT {names} FROM {relation} WHERE {where} ORDER BY key"
    return cursor.execute(query, list(conditions.values())).to_arrow_reader(BATCH_ROWS)


def _is_pinned(cursor: duckdb.DuckDBPyConnection, pinned: TrainingSet) -> bool:
    if not table_exists(cursor, layout.TRAINING_SETS):
        return False
    query = (
        f"SELECT count(*) FROM {qualified(layout.TRAINING_SETS)} "
        "WHERE model = ? AND training_set_id = ?"
    )
    return bool(fetch_value(cursor, query, [pinned.model, pinned.id]))


def _pin(
    reader: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    pinned: TrainingSet,
    now: datetime,
) -> None:
    registry_tables.create(writer)
    table = qualified(spec.training_table)
    names = [*row_columns(spec), *pinned.schema.names]
    described = reader.execute("SELECT column_name, column_type FROM (DESCRIBE computed)")
    types = dict(described.fetchall())
    if not table_exists(writer, spec.training_table):
        writer.execute(f"CREATE TABLE {table} (training_set_id VARCHAR)")
        writer.execute(f"ALTER TABLE {table} SET PARTITIONED BY (training_set_id)")
    for name in names:
        writer.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {quote(name)} {types[name]}")
    listed = ", ".join(map(quote, names))
    # any other query on `reader` would silently end the stream before it is drained
    stream = reader.execute(f"SELECT {listed} FROM computed").to_arrow_reader(BATCH_ROWS)
    writer.register("incoming", stream)
    written = fetch_value(
        writer,
        f"INSERT INTO {table} (training_set_id, {listed}) SELECT ?, {listed} FROM incoming",
        [pinned.id],
    )
    if written != pinned.rows:
        raise LakeError(f"{spec.training_table}: {written} of {pinned.rows} rows were written")
    registry_tables.insert(
        writer,
        layout.TRAINING_SETS,
        {
            "model": pinned.model,
            "training_set_id": pinned.id,
            "hash": pinned.hash,
            "rows": pinned.rows,
            "without_features": pinned.without_features,
            "snapshot": pinned.snapshot,
            "split": json.dumps(pinned.split.as_json()),
            "feature_schema": pinned.schema.model_dump_json(exclude={"categories"}),
            "created_at": now.astimezone(UTC).replace(tzinfo=None),
        },
    )
