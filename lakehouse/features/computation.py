"""Computes the features of any spine, set by set, into a temporary table.

DuckDB reads the spine and its inputs, evaluates conditions and sorts by entity and time; the kernel
finds the windows (`windows.py`); DuckDB evaluates the expressions of the features. Writes only
temporary tables, so no lock is needed; callers use the result (`increments.py` commits it to the
lake).
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb

from lakehouse.features.buckets import SPINE, read_buckets
from lakehouse.features.compile import Plan, read_column
from lakehouse.features.expressions import FeatureError, Kind
from lakehouse.features.inputs import Input, inputs_of
from lakehouse.features.overflow import describe_overflow
from lakehouse.lake import qualified, quote

RESULT = "_features"
"""The temporary table that `compute` fills: `temp.main._features`."""

BUCKET = 1_000_000
"""Spine rows whose windows are computed at once."""

_ROWS = "_rows"


def compute(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    query: str | None = None,
    parameters: Sequence[Any] = (),
    *,
    where: str = "true",
    snapshot: int | None = None,
    bucket: int = BUCKET,
    on_rows: Callable[[int], None] | None = None,
) -> int:
    """Append one row per spine row to the temporary table `_features`.

    Args:
        plan: The compiled set.
        cursor: A connection to the lake, outside a transaction: within one, DuckDB scans new
            temporary tables with one thread.
        query: A query that selects key, entity, time and `row.` columns of the spine; by default
            the spine is the rows of `plan.spine.table` that meet `where`.
        parameters: Those of `query` or `where`.
        where: A condition over the columns of the spine's table.
        snapshot: The snapshot of the lake to read; by default the current one.
        bucket: Spine rows whose windows are computed at once, which bounds memory. More rows are
            sorted on disk first.
        on_rows: Called with the number of rows computed so far, after each bucket.

    Returns:
        The number of rows appended, with the columns of `result_types(plan)`, in no order.

    Raises:
        FeatureError: when a key is duplicated, a time is missing, or a total does not fit its type.
    """
    relation, names = f"{as_of(plan.spine.table, snapshot)} WHERE {where}", plan.spine_columns
    if query is not None:
        relation = f"({query})"
        described = cursor.execute(f"DESCRIBE {query}", parameters).fetchall()
        names = frozenset(row[0] for row in described)

    def read(first: int, last: int) -> list[tuple[Input, str]]:
        return [(i, i.select(as_of(i.table, snapshot), first, last)) for i in inputs_of(plan)]

    spine = spine_query(plan, relation, names)
    return compute_from(
        plan, cursor, spine, read, parameters=parameters, bucket=bucket, on_rows=on_rows
    )


def compute_from(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    spine: str,
    read: Callable[[int, int], list[tuple[Input, str]]],
    *,
    parameters: Sequence[Any] = (),
    bucket: int = BUCKET,
    on_rows: Callable[[int], None] | None = None,
) -> int:
    """`compute` from any tables: a query like `spine_query`, and one for each input.

    `read` gets the first and the last time of the spine (microseconds).
    """
    listed = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in result_types(plan).items())
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {RESULT} ({listed})")
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {SPINE} AS {spine}", parameters)
    count, first, last = _check_spine(plan, cursor)
    added = 0
    if count:
        inputs = read(first, last)
        try:
            added = _add_rows(plan, cursor, inputs, count, bucket, on_rows)
        except (OverflowError, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            # of DuckDB's errors only those of totals are that wide; others have another cause
            is_total = isinstance(error, OverflowError) or "INT128" in str(error)
            if not is_total and "HUGEINT" not in str(error):
                raise
            reason = describe_overflow(cursor, inputs)
            raise FeatureError(f"feature set {plan.spec.name}: {reason}") from error
    if added != count:
        raise FeatureError(
            f"feature set {plan.spec.name}: {added} rows were computed for {count} spine rows; "
            "this is a bug in the compiler, and nothing was written"
        )
    cursor.execute(f"DROP TABLE temp.main.{SPINE}")
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


def spine_query(plan: Plan, relation: str, names: Collection[str]) -> str:
    """The rows that ask, from a relation with the columns `names`."""
    time = quote(plan.spine.time)
    columns = {
        "id": quote(plan.spine.key),
        "e": quote(plan.entity),
        "t": time,
        "load_id": "_load_id" if "_load_id" in names else "CAST(NULL AS BIGINT)",
        **{f"row.{column}": read_column(kind, column) for column, kind in plan.row_columns.items()},
    }
    listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns.items())
    return f"SELECT {listed} FROM {relation}"


def _check_spine(plan: Plan, cursor: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    """The row count of the spine, and its first and last time in microseconds."""
    rows, times, keys, first, last = cursor.execute(
        f"SELECT count(*), count(t), count(DISTINCT id), epoch_us(min(t)), epoch_us(max(t)) "
        f"FROM {SPINE}"
    ).fetchall()[0]
    if not rows == times == keys:
        raise FeatureError(
            f"feature set {plan.spec.name}: of {rows} rows of spine {plan.spine.table}, "
            f"{rows - times} have no {plan.spine.time} and {rows - keys} have a missing or "
            f"duplicate {plan.spine.key}; fix the table and refresh again"
        )
    return rows, first, last


def _add_rows(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    inputs: Sequence[tuple[Input, str]],
    count: int,
    bucket: int,
    on_rows: Callable[[int], None] | None,
) -> int:
    """Add the features of the spine's rows to the result; returns the number of rows."""
    if not inputs:
        return _insert(plan, cursor, SPINE)
    added = 0
    (threads,) = cursor.execute("SELECT current_setting('threads')").fetchall()[0]
    with ThreadPoolExecutor(threads) as executor:
        for part in read_buckets(plan, cursor, inputs, count, bucket):
            rows = part.rows
            for one, source in part.sources:
                found = one.find(part.groups(one.reference), part.t, source, executor)
                for name, column in found.items():
                    rows = rows.append_column(name, column)
            cursor.register(_ROWS, rows)
            added += _insert(plan, cursor, _ROWS)
            cursor.unregister(_ROWS)
            if on_rows:
                on_rows(added)
    return added


def _insert(plan: Plan, cursor: duckdb.DuckDBPyConnection, rows: str) -> int:
    """Evaluate the features' expressions over rows with aggregates and attributes."""
    wide = "".join(
        f', CAST("{a.name}.high" AS HUGEINT) * {2**64} + "{a.name}.low" AS {quote(a.name)}'
        for a in plan.aggregates
        if a.kind == Kind.WIDE
    )
    values = {
        plan.spine.key: "p.id",
        plan.entity: "p.e",
        "event_time": "p.event_time",
        **{feature.name: feature.term.sql for feature in plan.features},
        "_load_id": "p.load_id",
    }
    columns, selected = ", ".join(map(quote, values)), ", ".join(values.values())
    (added,) = cursor.execute(
        f"INSERT INTO temp.main.{RESULT} ({columns}) "
        f"SELECT {selected} FROM (SELECT *, t AS event_time{wide} FROM {rows}) p"
    ).fetchall()[0]
    return int(added)
