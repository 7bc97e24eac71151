"""Features of any spine, computed set by set inside DuckDB into a temporary table.

Only temporary tables are written, so no lock is needed; what becomes of the result is the caller's
business (`refresh.py` commits it to the lake, training joins it).
"""

from collections.abc import Sequence
from typing import Any, Literal

import duckdb

from lakehouse.features import windows
from lakehouse.features.compile import Plan, read_column
from lakehouse.features.expressions import FeatureError
from lakehouse.lake import qualified, quote

RESULT = "_features"
"""The temporary table that `compute` fills; it has a schema of its own: `temp.main._features`."""

PAIRS_PER_ROW = 4
"""A range join is taken below so many pairs per row of spine and stream (measured, see `bench`)."""

Way = Literal["native", "union", "range"]


def compute(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    query: str | None = None,
    parameters: Sequence[Any] = (),
    *,
    own: bool | None = None,
    way: Way | None = None,
    snapshot: int | None = None,
) -> int:
    """Append to the temporary table `_features` one row per row of the spine `query`.

    `query` selects the spine's key, entity, time and `row.` columns, by default all of
    `plan.spine.table`. `own` says that its rows are rows of that table (then windows over the same
    table need no union). `way` forces one; by default the cheapest by exact row counts is taken.
    Inputs are read as of the lake's `snapshot`, if given; call it outside of a transaction, within
    which DuckDB scans new temporary tables by one thread and takes them for empty.
    The result has the columns of `result_columns(plan)`; no order.

    Returns:
        The number of rows appended.

    Raises:
        FeatureError: when a key comes twice, or a time is missing.
    """
    own = query is None if own is None else own
    # guards a caller in a transaction: ASOF joins with a table taken for empty would be loops
    cursor.execute("SET asof_loop_join_threshold = 0")
    relation = f"({query})" if query else as_of(plan.spine.table, snapshot)
    spine_rows = _make_spine(plan, cursor, relation, parameters, own=own)
    joined = []
    if spine_rows:
        for number, stream in enumerate(windows.streams(plan)):
            tables = _compute_stream(
                plan, cursor, stream, spine_rows, own=own, way=way, at=snapshot
            )
            joined += [_keep(cursor, sql, f"_part{number}_{i}") for i, sql in enumerate(tables)]
        for table in dict.fromkeys(a.table for a in plan.attributes):
            parts = [a for a in plan.attributes if a.table == table]
            sql = windows.attributes(plan, parts, as_of(table, snapshot))
            joined.append(_keep(cursor, sql, f"_part_{len(joined)}"))
    added = _append_result(plan, cursor, joined)
    if added != spine_rows:
        raise FeatureError(
            f"feature set {plan.spec.name}: {added} rows came out of {spine_rows} of the spine; "
            "this is a bug of the compiler, nothing was written"
        )
    for table in ("_stream", "_spine", *joined):
        cursor.execute(f"DROP TABLE IF EXISTS temp.main.{table}")
    return added


def as_of(table: str, snapshot: int | None) -> str:
    """SQL for `schema.table` of the lake, as of a snapshot if one is given."""
    return qualified(table) + (f" AT (VERSION => {int(snapshot)})" if snapshot is not None else "")


def result_columns(plan: Plan) -> list[str]:
    """Columns of `_features` and of the lake's table: key, entity, time, features, load id."""
    names = [plan.spine.key, plan.entity, "event_time", *(f.name for f in plan.features)]
    return [*dict.fromkeys(names), "_load_id"]


def _make_spine(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    relation: str,
    parameters: Sequence[Any],
    *,
    own: bool,
) -> int:
    key, entity, time = quote(plan.spine.key), quote(plan.entity), quote(plan.spine.time)
    names = [
        row[0]
        for row in cursor.execute(f"DESCRIBE SELECT * FROM {relation}", parameters).fetchall()
    ]
    load_id = "_load_id" if "_load_id" in names else "CAST(NULL AS BIGINT)"
    late = f"known_at IS DISTINCT FROM {time}" if own and "known_at" in names else "true"
    row = "".join(
        f", {read_column(kind, column)} AS {quote('row.' + column)}"
        for column, kind in plan.row_columns.items()
    )
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE _spine AS
            SELECT {key} AS id, {entity} AS e, epoch_us({time}) AS t, {late} AS late,
            {time} AS event_time, {load_id} AS _load_id{row} FROM {relation}""",
        parameters,
    )
    counts = cursor.execute("SELECT count(*), count(t), count(DISTINCT id) FROM _spine").fetchone()
    rows, times, keys = counts or (0, 0, 0)
    if not rows == times == keys:
        raise FeatureError(
            f"feature set {plan.spec.name}: of {rows} rows of spine {plan.spine.table}, "
            f"{rows - times} have no {plan.spine.time}, {rows - keys} no {plan.spine.key} of their "
            "own; mend the table and refresh again"
        )
    return int(rows)


def _compute_stream(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    stream: windows.Stream,
    spine_rows: int,
    *,
    own: bool,
    way: Way | None,
    at: int | None,
) -> list[str]:
    """Fill `_stream`, and choose the queries that give the stream's aggregates."""
    native = own and stream.table == plan.spine.table
    first, last = cursor.execute(
        "SELECT make_timestamp(min(t) - ?), make_timestamp(max(t)) FROM _spine", [stream.longest]
    ).fetchall()[0]
    _keep(
        cursor,
        windows.scan(stream, plan, as_of(stream.table, at), native=native),
        "_stream",
        [first, last],
    )
    (stream_rows,) = cursor.execute("SELECT count(*) FROM _stream").fetchall()[0]
    cheap = PAIRS_PER_ROW * (spine_rows + stream_rows)
    if way is None:
        if _pairs(cursor, "true") <= cheap:
            way = "range"
        else:
            way = "native" if native and _pairs(cursor, "late") <= cheap else "union"
    if way == "range":
        return [windows.range_join(stream, stream.aggregates)]
    in_frames = [a for a in stream.aggregates if a.op not in windows.LOOKUPS]
    if way == "union" or not native:
        in_frames = [a for a in in_frames if a.op not in windows.TOTALS]
    rest = [a for a in stream.aggregates if a not in in_frames]
    queries = [windows.running(stream, rest)] if rest else []
    if in_frames and way == "native" and native:
        # rows that became known later than they happened have no frame of their own
        late = windows.range_join(stream, in_frames, late=True)
        queries.append(f"{windows.frames(stream, in_frames, native=True)} UNION ALL {late}")
    elif in_frames:
        queries.append(windows.frames(stream, in_frames, native=False))
    return queries


def _pairs(cursor: duckdb.DuckDBPyConnection, condition: str) -> int:
    """How many pairs a range join of spine and stream looks at."""
    (pairs,) = cursor.execute(
        f"""SELECT coalesce(sum(p.n * s.n), 0)
            FROM (SELECT e, count(*) AS n FROM _spine WHERE {condition} GROUP BY e) p
            JOIN (SELECT e, count(*) AS n FROM _stream GROUP BY e) s USING (e)"""
    ).fetchall()[0]
    return int(pairs)


def _keep(
    cursor: duckdb.DuckDBPyConnection, sql: str, table: str, parameters: Sequence[Any] = ()
) -> str:
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {sql}", parameters)
    return table


def _append_result(plan: Plan, cursor: duckdb.DuckDBPyConnection, joined: Sequence[str]) -> int:
    missing = [f", CAST(NULL AS {p.kind}) AS {quote(p.name)}" for p in plan.parts if not joined]
    source = f"(SELECT *{''.join(missing)} FROM _spine) p" + "".join(
        f" LEFT JOIN {table} ON {table}.id = p.id" for table in joined
    )
    columns = {
        plan.spine.key: "p.id",
        plan.entity: "p.e",
        "event_time": "p.event_time",
        **{feature.name: feature.term.sql for feature in plan.features},
        "_load_id": "p._load_id",
    }
    listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns.items())
    select = f"SELECT {listed} FROM {source}"
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {RESULT} AS {select} LIMIT 0")
    (added,) = cursor.execute(f"INSERT INTO temp.main.{RESULT} {select}").fetchall()[0]
    return int(added)
