"""Window features of a compiled feature set against hand-written frames for the same columns.

Counts and sums over 1, 7 and 30 days of a customer's payments, and counts of settled payments and
frauds at a terminal over the same windows, moved back by a label's maturity. In memory, no lake:
this measures the SQL that the compiler writes. pandas and Polars are timed for comparison.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.features import FeatureSetSpec, compute, load_plan
from lakehouse.lake import Lake
from tests.benchmarks.bare import frame
from tests.benchmarks.worlds import settings_of

DAYS = (1, 7, 30)
WINDOW = [f"{days}d" for days in DAYS]
TIMES = 2


def from_lake(data_dir: Path) -> tuple[duckdb.DuckDBPyConnection, int]:
    """Load the core tables of a finished lake, and return the labels' maturity in days."""
    db = _memory()
    with Lake(settings_of(data_dir), read_only=True) as lake, lake.reader() as cursor:
        for table in ("fct_transactions", "fct_labels"):
            rows = cursor.execute(f"FROM core.{table} ORDER BY event_time").to_arrow_table()
            db.register("rows", rows)
            db.execute(f"CREATE TABLE lake.core.{table} AS FROM rows")
            db.unregister("rows")
    return db, 14


def from_handbook(folder: Path) -> tuple[duckdb.DuckDBPyConnection, int]:
    """Load the handbook's files, where a label is known after exactly seven days."""
    db = _memory()
    db.execute(
        "CREATE TABLE lake.core.fct_transactions AS SELECT CAST(transaction_id AS BIGINT) AS "
        "transaction_id, CAST(customer_id AS BIGINT) AS customer_id, CAST(terminal_id AS BIGINT) "
        "AS terminal_id, CAST(tx_datetime AS TIMESTAMP) AS event_time, event_time AS known_at, "
        "CAST(round(tx_amount * 100) AS BIGINT) AS amount_cents, 1::BIGINT AS _load_id, "
        f"tx_fraud = 1 AS is_fraud FROM read_parquet('{folder}/*.parquet')"
    )
    db.execute(
        "CREATE TABLE lake.core.fct_labels AS SELECT transaction_id, customer_id, terminal_id, "
        "event_time, event_time + INTERVAL 7 day AS known_at, is_fraud, _load_id "
        "FROM lake.core.fct_transactions"
    )
    return db, 7


def features(
    db: duckdb.DuckDBPyConnection, delay: int, on_progress: Any
) -> tuple[dict[str, float], dict[str, Any]]:
    """`features_ratio` of CPU and of wall: compiled over hand-written, both sets together.

    Raises:
        AssertionError: when the two give different values. A late row is not compared: hand-written
            frames use it at its arrival.
    """
    methods: dict[str, Callable[[], None]] = {
        "compiled": lambda: _compiled(db),
        "by hand": lambda: _by_hand(db, delay),
    }
    rows = db.execute(
        "SELECT transaction_id, customer_id, terminal_id, event_time, amount_cents, "
        "coalesce(l.is_fraud, false)::INTEGER AS is_fraud FROM lake.core.fct_transactions t "
        "LEFT JOIN (SELECT transaction_id, is_fraud FROM lake.core.fct_labels) l "
        "USING (transaction_id) ORDER BY event_time"
    )
    arrow = rows.to_arrow_table()
    methods["Polars rolling"] = lambda: _polars(arrow, delay)
    methods["pandas rolling"] = lambda: _pandas(arrow, delay)
    best: dict[str, tuple[float, float]] = {}
    for name, method in methods.items():
        times = []
        for _ in range(TIMES if "pandas" not in name else 1):
            wall, cpu = time.monotonic(), time.process_time()
            method()
            times.append((time.monotonic() - wall, time.process_time() - cpu))
        best[name] = (min(wall for wall, _ in times), min(cpu for _, cpu in times))
        on_progress(f"window features, {name}: {best[name][0]:.1f} s, {best[name][1]:.1f} s of CPU")
    _compare(db)
    compiled, hand = best["compiled"], best["by hand"]
    made_of = {
        name: {"seconds": round(wall, 2), "cpu": round(cpu, 2)}
        for name, (wall, cpu) in best.items()
    }
    figures = {
        "features_ratio": compiled[0] / hand[0],
        "features_cpu_ratio": compiled[1] / hand[1],
    }
    return figures, {"rows": len(arrow), **made_of}


def _memory() -> duckdb.DuckDBPyConnection:
    db = duckdb.connect()
    db.execute("ATTACH ':memory:' AS lake; USE lake; CREATE SCHEMA core")
    db.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    return db


def _spec(name: str, entity: str, stream: str, **total: str) -> FeatureSetSpec:
    aggregates: dict[str, dict[str, object]] = {
        "n": {"of": "rows", "op": "count", "window": WINDOW},
        "total": {"of": "rows", "window": WINDOW, **total},
    }
    return FeatureSetSpec.model_validate(
        {
            "name": name,
            "description": "A benchmark",
            "entity": entity,
            "spines": [{"name": "rows", "table": "core.fct_transactions", "key": "transaction_id"}],
            "streams": {"rows": f"core.{stream}"},
            "aggregates": aggregates,
            "features": {
                "n": {"expression": "n", "description": "Rows"},
                "total": {"expression": "total", "description": "Total"},
            },
        }
    )


SPECS = {
    "customer": _spec(
        "customer", "customer_id", "fct_transactions", op="sum", value="amount_cents"
    ),
    "terminal": _spec("terminal", "terminal_id", "fct_labels", op="count", where="is_fraud"),
}


def _compiled(db: duckdb.DuckDBPyConnection) -> None:
    for name, spec in SPECS.items():
        db.execute(f"DROP TABLE IF EXISTS temp.compiled_{name}")
        compute(load_plan(spec, db), db)
        db.execute(f"ALTER TABLE temp._features RENAME TO compiled_{name}")


def _by_hand(db: duckdb.DuckDBPyConnection, delay: int) -> None:
    relation = (
        "(SELECT transaction_id, customer_id, terminal_id, event_time, amount_cents, "
        "epoch_us(known_at) AS k, l.is_fraud FROM lake.core.fct_transactions LEFT JOIN "
        "(SELECT transaction_id, is_fraud FROM lake.core.fct_labels) l USING (transaction_id))"
    )
    for name, total, back in (
        ("customer", "sum(amount_cents)", 0),
        ("terminal", "count(*) FILTER (is_fraud)", delay),
    ):
        columns = ", ".join(
            f"count(*) OVER w{d} AS n_{d}d, coalesce({total} OVER w{d}, 0) AS total_{d}d"
            for d in DAYS
        )
        windows = ", ".join(
            f"w{d} AS (PARTITION BY {name}_id ORDER BY k {frame(d, back)})" for d in DAYS
        )
        source = (
            relation
            if back
            else "(SELECT *, epoch_us(known_at) AS k FROM lake.core.fct_transactions)"
        )
        db.execute(
            f"CREATE OR REPLACE TABLE hand_{name} AS SELECT transaction_id, {name}_id, event_time, "
            f"{columns} FROM {source} WINDOW {windows}"
        )


def _compare(db: duckdb.DuckDBPyConnection) -> None:
    for name in SPECS:
        columns = [f"{column}_{d}d" for column in ("n", "total") for d in DAYS]
        wrong = " OR ".join(f"c.{column} <> h.{column}" for column in columns)
        # windows must not contain a late row either
        late = f"SELECT {name}_id FROM lake.core.fct_transactions WHERE known_at <> event_time"
        counts = db.execute(
            f"SELECT count(*), count(*) FILTER ({wrong}) FROM temp.compiled_{name} c "
            f"JOIN hand_{name} h USING (transaction_id) WHERE c.{name}_id NOT IN ({late})"
        ).fetchall()[0]
        assert counts[0] > 0
        assert counts[1] == 0, f"{counts[1]} of {counts[0]} rows of {name} differ"


def _pandas(rows: Any, delay: int) -> None:
    frame = rows.to_pandas()
    for entity, value, back in (
        ("customer_id", "amount_cents", 0),
        ("terminal_id", "is_fraud", delay),
    ):
        groups = frame.set_index("event_time").groupby(entity)[value]
        behind = groups.rolling(f"{back}d", closed="left").agg(["count", "sum"]) if back else 0
        for days in DAYS:
            groups.rolling(f"{days + back}d", closed="left").agg(["count", "sum"]) - behind


def _polars(rows: Any, delay: int) -> None:
    import polars

    frame = polars.from_arrow(rows)
    assert isinstance(frame, polars.DataFrame)
    for entity, value, back in (
        ("customer_id", "amount_cents", 0),
        ("terminal_id", "is_fraud", delay),
    ):
        ordered = frame.sort(entity, "event_time")
        for days in DAYS:
            ordered.rolling(
                "event_time", period=f"{days}d", offset=f"-{days + back}d", closed="left",
                group_by=entity,
            ).agg(polars.len(), polars.sum(value).alias("total"))  # fmt: skip
