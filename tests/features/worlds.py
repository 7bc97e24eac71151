"""Small random worlds: rows with many ties, late rows, missing entities and values."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import strategies as st

from lakehouse.features import FeatureSetSpec

Row = dict[str, Any]
START = datetime(2026, 3, 28, 22)
COLUMNS = {
    "transaction_id": "BIGINT",
    "customer_id": "BIGINT",
    "terminal_id": "BIGINT",
    "event_time": "TIMESTAMP",
    "known_at": "TIMESTAMP",
    "amount_cents": "BIGINT",
    "score": "DOUBLE",
    "channel": "VARCHAR",
    "is_fraud": "BOOLEAN",
    "_load_id": "BIGINT",
}
DIMENSION = {"customer_id": "BIGINT", "valid_from": "TIMESTAMP", "segment": "VARCHAR"}


@st.composite
def rows(draw: st.DrawFn, max_size: int = 40, late: bool = True) -> list[Row]:
    """Transactions within ten minutes; the smallest time step is one microsecond."""
    moment = st.integers(0, 20).map(lambda s: timedelta(seconds=30 * s)) | st.integers(0, 3).map(
        lambda us: timedelta(seconds=120, microseconds=us)
    )
    delay = st.sampled_from([0, 0, 0, 30, 60, 1000]) if late else st.just(0)
    entity = st.sampled_from([1, 1, 2, 3, None])
    count = draw(st.integers(0, max_size))
    transactions = []
    for number in range(count):
        event_time = START + draw(moment)
        transactions.append(
            {
                "transaction_id": number,
                "customer_id": draw(entity),
                "terminal_id": draw(entity),
                "event_time": event_time,
                "known_at": event_time + timedelta(seconds=draw(delay)),
                "amount_cents": draw(st.none() | st.integers(-3, 10) | st.just(10**9)),
                "score": draw(st.sampled_from([None, 0.0, -0.0, 0.1, -7.25, 1e300, float("nan")])),
                "channel": draw(st.sampled_from([None, "chip", "online", "Ö", "{}"])),
                "is_fraud": draw(st.sampled_from([None, True, False])),
                "_load_id": 1,
            }
        )
    return transactions


@st.composite
def versions(draw: st.DrawFn) -> list[Row]:
    """Versions of customers; some have no earlier version, some have ties."""
    return [
        {
            "customer_id": draw(st.integers(1, 3)),
            "valid_from": START + timedelta(seconds=30 * draw(st.integers(0, 20))),
            "segment": draw(st.sampled_from([None, "a", "b"])),
        }
        for _ in range(draw(st.integers(0, 6)))
    ]


def fill(
    cursor: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], rows: Sequence[Row]
) -> None:
    """(Re)make a table of the catalog `lake`."""
    listed = ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())
    cursor.execute(f"CREATE OR REPLACE TABLE lake.{table} ({listed})")
    if rows:
        names = ", ".join(columns)
        cursor.register("incoming", pa.table({c: [r[c] for r in rows] for c in columns}))
        cursor.execute(f"INSERT INTO lake.{table} ({names}) SELECT {names} FROM incoming")


def memory_lake() -> duckdb.DuckDBPyConnection:
    """A catalog called `lake` without DuckLake: enough for the compiler, and fast."""
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS lake; USE lake; CREATE SCHEMA core; SET threads = 2")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def full_spec(entity: str = "customer_id", stream: str = "core.fct_labels") -> FeatureSetSpec:
    """Every op with and without `where`, over the spine's own table and over another one."""
    windows = ["2m", "5m"]
    aggregates: dict[str, Any] = {}
    for of in ("own", "other"):
        for op in ("count", "since_last", "since_first"):
            aggregates[f"{of}_{op}"] = {"of": of, "op": op, "window": windows}
            aggregates[f"{of}_{op}_where"] = {
                "of": of, "op": op, "window": windows, "where": "is_fraud or amount_cents > 5",
            }  # fmt: skip
        aggregates[f"{of}_count_since"] = {
            "of": of, "op": "count_since", "window": windows, "where": "channel == '{}'",
        }  # fmt: skip
        for op in ("sum", "sumsq", "min", "max", "distinct", "last"):
            aggregates[f"{of}_{op}"] = {
                "of": of, "op": op, "window": windows, "value": "amount_cents",
            }  # fmt: skip
        for op, value in [
            ("last", "channel"),
            ("max", "channel"),
            ("min", "score"),
            ("last", "is_fraud"),
        ]:
            aggregates[f"{of}_{op}_{value}"] = {
                "of": of, "op": op, "window": windows, "value": value, "where": "amount_cents < 5",
            }  # fmt: skip
        for number, q in enumerate(["0.5", "0.9"]):
            aggregates[f"{of}_quantile{number}"] = {
                "of": of, "op": "quantile", "q": q, "value": "amount_cents", "window": windows,
            }  # fmt: skip
    aggregates["shortest"] = {"of": "own", "op": "count", "window": "1us"}
    aggregates["short"] = {"of": "other", "op": "count", "window": "2us"}
    features = {f"f_{name}": name for name in aggregates if "sumsq" not in name}
    features |= {
        "std": "std(other_sumsq, other_sum, other_count)",
        "std_own": "std(own_sumsq, own_sum, own_count)",
        "segment": "segment",
        "assumed": "assumed",
        "ratio": "row.amount_cents / (own_sum / own_count)",
        "hour": "hour(t)",
    }
    return FeatureSetSpec.model_validate(
        {
            "name": "everything",
            "description": "Everything there is",
            "entity": entity,
            "spines": [
                {"name": "transactions", "table": "core.fct_transactions", "key": "transaction_id"}
            ],
            "streams": {"own": "core.fct_transactions", "other": stream},
            "aggregates": aggregates,
            "attributes": {
                "segment": {"of": "core.dim_customers", "column": "segment"},
                "assumed": {
                    "of": "core.dim_customers", "column": "segment", "first_version": "assumed",
                },
            } if entity == "customer_id" else {
                "segment": {"of": stream, "column": "channel"},
                "assumed": {"of": stream, "column": "score", "first_version": "assumed"},
            },
            "features": features,
        }
    )  # fmt: skip
