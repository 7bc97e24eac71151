"""Window features of compiled feature sets against hand-written ones for the same columns.

Counts and sums over 1, 7 and 30 days of a customer's payments, and counts of settled payments and
frauds at a terminal over the same windows, moved back by a label's maturity. In memory, no lake:
frames of DuckDB, and Polars and pandas rolling, each from the same rows to a table with the same
values. Then the same with a third of all rows moved to one customer and one terminal, and the
shipped sets of a lake.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.declarations.specs import find_specs
from lakehouse.features import FeatureSetSpec, Plan, compute, load_plan, table_name
from lakehouse.lake import Lake
from tests.benchmarks.bare import frame
from tests.benchmarks.worlds import settings_of
from tests.project import PROJECT

DAYS = (1, 7, 30)
WINDOW = [f"{days}d" for days in DAYS]
TIMES = 3


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
    """Ratios of the compiled sets: to frames and Polars (wall, CPU), and of heavy hitters to all.

    Raises:
        AssertionError: when two of them give different values. An entity with a late row is not
            compared: the hand-written ones use it at its event time.
    """
    arrow = db.execute(
        "SELECT transaction_id, customer_id, terminal_id, event_time, amount_cents, "
        "coalesce(l.is_fraud, false)::INTEGER AS is_fraud FROM lake.core.fct_transactions t "
        "LEFT JOIN (SELECT transaction_id, is_fraud FROM lake.core.fct_labels) l "
        "USING (transaction_id) ORDER BY event_time"
    ).to_arrow_table()
    methods: dict[str, Callable[[], None]] = {
        "compiled": lambda: _compiled(db),
        "by hand": lambda: _by_hand(db, delay),
        "Polars rolling": lambda: _polars(db, arrow, delay),
        "pandas rolling": lambda: _pandas(arrow, delay),
    }
    best = {name: _time(name, method, on_progress) for name, method in methods.items()}
    _compare(db, "hand")
    _compare(db, "polars")
    _make_heavy(db)
    best["heavy hitters"] = _time("heavy hitters", lambda: _compiled(db), on_progress)
    compiled = best["compiled"]
    figures = {
        "features_ratio": compiled[0] / best["by hand"][0],
        "features_cpu_ratio": compiled[1] / best["by hand"][1],
        "features_polars_ratio": compiled[0] / best["Polars rolling"][0],
        "features_polars_cpu_ratio": compiled[1] / best["Polars rolling"][1],
        "heavy_hitter_ratio": best["heavy hitters"][1] / compiled[1],
    }
    made_of = {
        name: {"seconds": round(wall, 2), "cpu": round(cpu, 2)}
        for name, (wall, cpu) in best.items()
    }
    return figures, {"rows": len(arrow), **made_of}


def shipped_sets(data_dir: Path, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """CPU seconds to compute the sets with windows on a finished lake, `feature_sets_cpu_seconds`.

    Raises:
        AssertionError: when a value differs from that in the lake.
    """
    seconds = {}
    with Lake(settings_of(data_dir), read_only=True) as lake, lake.cursor() as cursor:
        for spec in find_specs("FeatureSet", FeatureSetSpec, PROJECT.defs_dir):
            if not spec.aggregates:
                continue
            plan = load_plan(spec, cursor)

            def run(plan: Plan = plan) -> None:
                cursor.execute("DROP TABLE IF EXISTS temp._features")
                compute(plan, cursor)

            seconds[spec.name] = round(_time(spec.name, run, on_progress)[1], 2)
            stored = f"SELECT * FROM lake.{table_name(plan)}"
            differences = cursor.execute(
                f"SELECT count(*) FROM (FROM temp._features EXCEPT {stored})"
            ).fetchall()[0][0]
            assert differences == 0, f"{differences} rows of {spec.name} differ"
    return {"feature_sets_cpu_seconds": sum(seconds.values())}, dict(seconds)


def _time(name: str, run: Callable[[], None], on_progress: Any) -> tuple[float, float]:
    """Wall and CPU seconds, each the best of several runs."""
    times = []
    for _ in range(TIMES if "pandas" not in name else 1):
        wall, cpu = time.monotonic(), time.process_time()
        run()
        times.append((time.monotonic() - wall, time.process_time() - cpu))
    best = min(wall for wall, _ in times), min(cpu for _, cpu in times)
    on_progress(f"window features, {name}: {best[0]:.1f} s, {best[1]:.1f} s of CPU")
    return best


def _make_heavy(db: duckdb.DuckDBPyConnection) -> None:
    """Move 30 % of all rows to one customer and one terminal."""
    for table in ("fct_transactions", "fct_labels"):
        db.execute(
            f"UPDATE lake.core.{table} SET customer_id = 0, terminal_id = 0 "
            "WHERE hash(transaction_id) % 10 < 3"
        )


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


def _compare(db: duckdb.DuckDBPyConnection, other: str) -> None:
    for name in SPECS:
        columns = [f"{column}_{d}d" for column in ("n", "total") for d in DAYS]
        wrong = " OR ".join(f"c.{column} <> h.{column}" for column in columns)
        # windows must not contain a late row either
        late = f"SELECT {name}_id FROM lake.core.fct_transactions WHERE known_at <> event_time"
        counts = db.execute(
            f"SELECT count(*), count(*) FILTER ({wrong}) FROM temp.compiled_{name} c "
            f"JOIN {other}_{name} h USING (transaction_id) WHERE c.{name}_id NOT IN ({late})"
        ).fetchall()[0]
        assert counts[0] > 0
        assert counts[1] == 0, f"{counts[1]} of {counts[0]} rows of {name} differ from {other}"


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


def _polars(db: duckdb.DuckDBPyConnection, rows: Any, delay: int) -> None:
    import polars

    frame = polars.from_arrow(rows)
    assert isinstance(frame, polars.DataFrame)
    for name, value, back in (("customer", "amount_cents", 0), ("terminal", "is_fraud", delay)):
        entity = f"{name}_id"
        ordered = frame.sort(entity, "event_time")
        columns = [ordered.select("transaction_id", entity, "event_time")]
        for days in DAYS:
            window = ordered.rolling(
                "event_time", period=f"{days}d", offset=f"-{days + back}d", closed="none",
                group_by=entity,
            )  # fmt: skip
            columns.append(
                window.agg(
                    polars.len().alias(f"n_{days}d"), polars.sum(value).alias(f"total_{days}d")
                ).drop(entity, "event_time")
            )
        db.register(f"polars_{name}", polars.concat(columns, how="horizontal").to_arrow())
