"""The tables of the schema `monitoring`, and how rows are inserted. Nothing is computed here."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from lakehouse.lake import qualified, quote, table_exists
from lakehouse.lake.layout import (
    ACTIONS,
    CALIBRATION,
    COMPARISONS,
    ESTIMATED,
    FAIRNESS,
    FEATURE_DRIFT,
    FINDINGS,
    PERFORMANCE,
    REFERENCE,
    SCORE_DRIFT,
    VOLUME,
)

_TEXT, _WHOLE, _NUMBER, _YES_NO = pa.string(), pa.int64(), pa.float64(), pa.bool_()

_DRIFT = {
    "model": _TEXT,
    "version": _TEXT,
    "day": pa.date32(),
    "name": _TEXT,
    "counts": pa.list_(_WHOLE),
    "rows": _WHOLE,
    "psi": _NUMBER,
    "ks": _NUMBER,
    "wasserstein": _NUMBER,
    "missing": _NUMBER,
    "unseen": _NUMBER,
    "missing_change": _NUMBER,
    "unseen_change": _NUMBER,
    "psi_bound": _NUMBER,
    "missing_bound": _NUMBER,
    "unseen_bound": _NUMBER,
    "judged": _YES_NO,
}
"""`counts` are the day's, by slot (see `cells.py`); all other columns are of the window that
ends with the day. `judged`: the window is whole, so the bounds apply to it."""

COLUMNS: Mapping[str, Mapping[str, pa.DataType]] = {
    REFERENCE: {
        "model": _TEXT,
        "version": _TEXT,
        "part": _TEXT,
        "name": _TEXT,
        "kind": _TEXT,
        "edges": pa.list_(_NUMBER),
        "categories": pa.list_(_TEXT),
        "counts": pa.list_(_WHOLE),
        "window_us": _WHOLE,
        "psi_chance": pa.list_(_NUMBER),
        "missing_chance": pa.list_(_NUMBER),
        "unseen_chance": pa.list_(_NUMBER),
        "created_at": pa.timestamp("us"),
    },
    FEATURE_DRIFT: _DRIFT,
    SCORE_DRIFT: _DRIFT,
    VOLUME: {
        "model": _TEXT,
        "day": pa.date32(),
        "rows": _WHOLE,
        "expected": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
    },
    ESTIMATED: {
        "model": _TEXT,
        "version": _TEXT,
        "day": pa.date32(),
        "rows": _WHOLE,
        "metric": _TEXT,
        "value": _NUMBER,
    },
    PERFORMANCE: {
        "model": _TEXT,
        "version": _TEXT,
        "role": _TEXT,
        "period": _TEXT,
        "start": pa.date32(),
        "rows": _WHOLE,
        "positives": _WHOLE,
        "metric": _TEXT,
        "value": _NUMBER,
    },
    CALIBRATION: {
        "model": _TEXT,
        "version": _TEXT,
        "day": pa.date32(),
        "rows": _WHOLE,
        "observed": _WHOLE,
        "expected": _NUMBER,
        "ratio": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "slope": _NUMBER,
        "bound": _NUMBER,
        "passed": _YES_NO,
    },
    COMPARISONS: {
        "model": _TEXT,
        "champion": _TEXT,
        "version": _TEXT,
        "role": _TEXT,
        "since": pa.date32(),
        "day": pa.date32(),
        "metric": _TEXT,
        "rows": _WHOLE,
        "positives": _WHOLE,
        "ours": _NUMBER,
        "champions": _NUMBER,
        "difference": _NUMBER,
        "standard_error": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "verdict": _TEXT,
    },
    FAIRNESS: {
        "model": _TEXT,
        "version": _TEXT,
        "day": pa.date32(),
        "grouped_by": _TEXT,
        "rows": _WHOLE,
        "positives": _WHOLE,
        "difference": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "bound": _NUMBER,
        "verdict": _TEXT,
    },
    ACTIONS: {
        "model": _TEXT,
        "version": _TEXT,
        "taken_at": pa.timestamp("us"),
        "action": _TEXT,
        "why": _TEXT,
        "done": _YES_NO,
        "outcome": _TEXT,
        "run_id": _TEXT,
    },
    FINDINGS: {
        "model": _TEXT,
        "version": _TEXT,
        "day": pa.date32(),
        "name": _TEXT,
        "passed": _YES_NO,
        "severity": _TEXT,
        "value": _NUMBER,
        "bound": _NUMBER,
        "cause": _TEXT,
        "remedy": _TEXT,
        "rollback": _YES_NO,
        "run_id": _TEXT,
    },
}
"""Columns of each table, in order; a row must give all of them."""

_SQL = {
    _TEXT: "VARCHAR",
    _WHOLE: "BIGINT",
    _NUMBER: "DOUBLE",
    _YES_NO: "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
}


def create(writer: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make `table`, or its missing columns, in the open transaction."""
    columns = [f"{quote(name)} {_sql(kind)}" for name, kind in COLUMNS[table].items()]
    writer.execute(f"CREATE TABLE IF NOT EXISTS {qualified(table)} ({', '.join(columns)})")
    if not has_columns(writer, table):
        for column in columns:
            writer.execute(f"ALTER TABLE {qualified(table)} ADD COLUMN IF NOT EXISTS {column}")


def has_columns(cursor: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether `table` exists with all columns; one of an earlier release may lack some."""
    if not table_exists(cursor, table):
        return False
    described = cursor.execute(f"SELECT * FROM {qualified(table)} LIMIT 0").description or ()
    return COLUMNS[table].keys() <= {column[0] for column in described}


def create_all(writer: duckdb.DuckDBPyConnection) -> None:
    """Make all missing tables, in the open transaction.

    So a query before the first rows gives no rows instead of an error.
    """
    for table in COLUMNS:
        create(writer, table)


def insert(
    writer: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add `rows` in the open transaction; does nothing if there are none."""
    if not rows:
        return
    create(writer, table)
    names = ", ".join(map(quote, COLUMNS[table]))
    schema = pa.schema(list(COLUMNS[table].items()))
    columns = [[row[name] for row in rows] for name in schema.names]  # a missing column is an error
    writer.register("incoming", pa.table(columns, schema=schema))
    writer.execute(f"INSERT INTO {qualified(table)} ({names}) SELECT {names} FROM incoming")
    writer.unregister("incoming")


def _sql(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_SQL[kind.value_type]}[]"
    return _SQL[kind]
