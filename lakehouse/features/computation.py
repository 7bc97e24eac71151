"""Computes the features of any spine, set by set, in DuckDB into a temporary table.

Writes only temporary tables, so no lock is needed; callers use the result (`refresh.py` commits it
to the lake, training joins it).
"""

from collections.abc import Sequence
from typing import Any, Literal

import duckdb

from lakehouse.features import windows
from lakehouse.features.compile import Plan, read_column
from lakehouse.features.expressions import FeatureError
from lakehouse.features.ops import RunningOperation
from lakehouse.features.overflow import describe_overflow
from lakehouse.lake import qualified, quote

RESULT = "_features"
"""The temporary table that `compute` fills: `temp.main._features`."""

PAIRS_PER_ROW = 4
"""Below this number of pairs per row of spine and stream, a range join is used (measured, see
`bench`)."""

Method = Literal["frames", "running", "range"]


def compute(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    query: str | None = None,
    parameters: Sequence[Any] = (),
    *,
    where: str = "true",
    method: Method | None = None,
    snapshot: int | None = None,
) -> int:
    """Append one row per spine row to the temporary table `_features`.

    The spine is the rows of `plan.spine.table` that meet the condition `where`, or else a `query`
    that selects key, entity, time and `row.` columns; `parameters` are those of either. `method`
    is used where it applies; by default exact row counts choose the cheapest. Inputs are
    read as of the lake's `snapshot`, if given. Call it outside a transaction: within one, DuckDB
    scans new temporary tables with one thread and assumes that they are empty. The result has the
    columns of `result_types(plan)`, in no order.

    Returns:
        The number of rows appended.

    Raises:
        FeatureError: when a key is duplicated, a time is missing, or a total does not fit its type.
    """
    # for a caller in a transaction: ASOF joins with a table assumed to be empty would be loops
    cursor.execute("SET asof_loop_join_threshold = 0")
    relation = f"{as_of(plan.spine.table, snapshot)} WHERE {where}"
    names = plan.spine_columns
    if query is not None:
        relation = f"({query})"
        described = cursor.execute(f"DESCRIBE {query}", parameters).fetchall()
        names = frozenset(row[0] for row in described)
    columns = _spine_columns(plan, names, own=query is None)
    count, first, last = _make_spine(plan, cursor, relation, parameters, columns)
    rows, created = "_spine", ["_spine"]
    streams = windows.streams(plan) if count else []
    for stream in streams:
        native = query is None and stream.table == plan.spine.table
        is_own_row = f"({where}) AND known_at = {quote(plan.spine.time)}"
        own = f"CASE WHEN {is_own_row} THEN {quote(plan.spine.key)} END AS id, {columns}"
        scan = windows.scan(stream, plan, as_of(stream.table, snapshot), own if native else "")
        bounds = [first - stream.longest, last]
        _create_temp_table(cursor, stream.rows, scan, [*(parameters if native else ()), *bounds])
        created.append(stream.rows)
        rows = _add_aggregates(cursor, stream, rows, count, native=native, method=method)
    for role in dict.fromkeys(a.role for a in plan.attributes):
        parts = [a for a in plan.attributes if a.role == role]
        rows = windows.attributes(plan, parts, as_of(parts[0].table, snapshot), rows)
    try:
        added = _append_result(plan, cursor, rows if count else "")
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        # only totals are that wide; other errors have another cause
        if not any(wide in str(error) for wide in ("INT128", "HUGEINT")):
            raise
        reason = describe_overflow(cursor, streams)
        raise FeatureError(f"feature set {plan.spec.name}: {reason}") from error
    if added != count:
        raise FeatureError(
            f"feature set {plan.spec.name}: {added} rows were computed for {count} spine rows; "
            "this is a bug in the compiler, and nothing was written"
        )
    for table in created:
        cursor.execute(f"DROP TABLE temp.main.{table}")
    return added


def as_of(table: str, snapshot: int | None) -> str:
    """SQL for `schema.table` of the lake, as of a snapshot if one is given."""
    return qualified(table) + (f" AT (VERSION => {int(snapshot)})" if snapshot is not None else "")


def result_types(plan: Plan) -> dict[str, str]:
    """Columns of `_features` and of the lake's table: key, entity, time, features, load id."""
    contract = plan.contract[plan.spine.table]
    types = {name: contract[name] for name in (plan.spine.key, plan.entity)}
    types |= {"event_time": "TIMESTAMP"} | {f.name: f.type for f in plan.features}
    return types | {"_load_id": "BIGINT"}


def _spine_columns(plan: Plan, names: frozenset[str], *, own: bool) -> str:
    """Columns of `_spine`, all but the key, read from a relation with columns `names`."""
    entity, time = quote(plan.entity), quote(plan.spine.time)
    native = own and "known_at" in names
    late = f"known_at IS DISTINCT FROM {time} OR {entity} IS NULL" if native else "true"
    columns = {
        "e": entity,
        "t": f"epoch_us({time})",
        "late": late,
        "event_time": time,
        "load_id": "_load_id" if "_load_id" in names else "CAST(NULL AS BIGINT)",
        **{f"row.{column}": read_column(kind, column) for column, kind in plan.row_columns.items()},
    }
    return ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns.items())


def _make_spine(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Sequence[Any],
    columns: str,
) -> tuple[int, int, int]:
    """Fill `_spine`; returns the row count, and the first and last time in microseconds."""
    query = f"SELECT {quote(plan.spine.key)} AS id, {columns} FROM {relation}"
    _create_temp_table(cursor, "_spine", query, parameters)
    rows, times, keys, first, last = cursor.execute(
        "SELECT count(*), count(t), count(DISTINCT id), min(t), max(t) FROM _spine"
    ).fetchall()[0]
    if not rows == times == keys:
        raise FeatureError(
            f"feature set {plan.spec.name}: of {rows} rows of spine {plan.spine.table}, "
            f"{rows - times} have no {plan.spine.time} and {rows - keys} have a missing or "
            f"duplicate {plan.spine.key}; fix the table and refresh again"
        )
    return rows, first, last


def _add_aggregates(
    cursor: duckdb.DuckDBPyConnection,
    stream: windows.Stream,
    rows: str,
    spine_rows: int,
    *,
    native: bool,
    method: Method | None,
) -> str:
    """`rows` with the stream's aggregates, each computed by the cheapest method for it."""
    (stream_rows,) = cursor.execute(f"SELECT count(*) FROM {stream.rows}").fetchall()[0]
    max_pairs = PAIRS_PER_ROW * (spine_rows + stream_rows)
    remaining, range_joins = list(stream.aggregates), {}
    row_filters = {a.name: stream.columns(a).row_filter for a in remaining}
    for condition in dict.fromkeys(["true", *row_filters.values()]):
        if method == "range" or (method is None and _pairs(cursor, stream, condition) <= max_pairs):
            range_joins[condition] = [
                a for a in remaining if condition in ("true", row_filters[a.name])
            ]
            remaining = [a for a in remaining if a not in range_joins[condition]]
    totals = [
        a
        for a in remaining
        if isinstance(a.op, RunningOperation) and (method == "running" or not native)
    ]
    if method == "frames":
        totals = []
    in_frames = [a for a in remaining if a not in totals]
    if in_frames:
        rows = windows.frames(stream, in_frames, rows, native=native)
    if totals:
        rows = windows.running(stream, totals, rows)
    for condition, aggregates in range_joins.items():
        if aggregates:
            rows = windows.range_join(stream, aggregates, rows, condition)
    return rows


def _pairs(cursor: duckdb.DuckDBPyConnection, stream: windows.Stream, condition: str) -> int:
    """The number of pairs in a range join of the spine with the rows that meet `condition`."""
    (pairs,) = cursor.execute(
        f"""SELECT coalesce(sum(p.n * s.n), 0)
            FROM (SELECT e, count(*) AS n FROM _spine GROUP BY e) p
            JOIN (SELECT e, count(*) AS n FROM {stream.rows} WHERE {condition} GROUP BY e) s
            USING (e)"""
    ).fetchall()[0]
    return int(pairs)


def _create_temp_table(
    cursor: duckdb.DuckDBPyConnection, table: str, sql: str, parameters: Sequence[Any]
) -> None:
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {sql}", parameters)


def _append_result(plan: Plan, cursor: duckdb.DuckDBPyConnection, rows: str) -> int:
    types = result_types(plan)
    listed = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in types.items())
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {RESULT} ({listed})")
    if not rows:
        return 0
    values = {
        plan.spine.key: "p.id",
        plan.entity: "p.e",
        "event_time": "p.event_time",
        **{feature.name: feature.term.sql for feature in plan.features},
        "_load_id": "p.load_id",
    }
    columns, selected = ", ".join(map(quote, values)), ", ".join(values.values())
    (added,) = cursor.execute(
        f"INSERT INTO temp.main.{RESULT} ({columns}) SELECT {selected} FROM {rows} p"
    ).fetchall()[0]
    return int(added)
