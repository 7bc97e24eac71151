"""Window features in Polars: `polars_windows.py TASK INPUT OUTPUT TIMES`.

Rolling windows over integer microseconds with `closed="none"`, so that both ends are open: rows at
the same time do not see each other. Events and the rows that ask lie in one frame, so a late row
counts from its `k` (known at), not from its `t` (event time).
"""

import sys
from pathlib import Path

import polars as pl
from measured import measure, report

DAY = 86_400_000_000
DAYS = (1, 7, 30)


def rolling(frame: pl.DataFrame, entity: str, days: int, aggregates: list[pl.Expr], back: int = 0):
    """The aggregates for each row of `frame`, which is sorted by entity and `k`."""
    window = frame.rolling(
        "k", period=f"{days * DAY}i", offset=f"-{(days + back) * DAY}i", closed="none",
        group_by=entity,
    )  # fmt: skip
    return window.agg(aggregates).drop(entity, "k")


def twelve(source: Path, target: Path) -> None:
    """Counts and sums over a customer's payments, and over a terminal's labels after 7 days."""
    rows = pl.read_parquet(source / "transactions.parquet")
    for name, value, back in (("customer", "amount_cents", 0), ("terminal", "is_fraud", 7)):
        entity = f"{name}_id"
        ordered = rows.sort(entity, "k").with_columns(pl.col("is_fraud").cast(pl.Int64))
        columns = [ordered.select("transaction_id", entity)]
        for d in DAYS:
            aggregates = [pl.len().alias(f"n_{d}d"), pl.sum(value).alias(f"total_{d}d")]
            columns.append(rolling(ordered, entity, d, aggregates, back))
        pl.concat(columns, how="horizontal").write_parquet(target / f"{name}.parquet")


def union(spine: pl.DataFrame, key: str, entity: str, events: list[pl.DataFrame]) -> pl.DataFrame:
    """The spine's rows at `t` and the events at `k`, in the order that `rolling` needs."""
    asking = spine.select(pl.col(key).alias("key"), entity, pl.col("t").alias("k"))
    return pl.concat([asking, *events], how="diagonal").sort(entity, "k", maintain_order=True)


def answers(frame: pl.DataFrame, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows that ask, with their windows' values."""
    return pl.concat([frame.select("key", "k"), *parts], how="horizontal").filter(
        pl.col("key").is_not_null()
    )


def customer_activity(source: Path, target: Path) -> None:
    """Payments before each day of a customer."""
    events = pl.read_parquet(source / "transactions.parquet").select(
        "customer_id", "k", pl.col("k").alias("e"), pl.col("amount_cents").alias("v"), "terminal_id"
    )
    days = pl.read_parquet(source / "customer_days.parquet")
    frame = union(days, "customer_day_id", "customer_id", [events])
    parts = []
    for d in (7, 14, 28, 91):
        aggregates = [
            pl.col("v").count().alias(f"payments_{d}d"), pl.col("v").sum().alias(f"spend_{d}d"),
        ]  # fmt: skip
        if d == 28:
            aggregates += [
                (pl.col("v").cast(pl.Int128) ** 2).sum().alias("squares"),
                pl.col("terminal_id").drop_nulls().n_unique().alias("places_28d"),
                pl.col("v").max().alias("top_28d"),
            ]
        if d == 91:
            aggregates += [pl.col("e").max().alias("last"), pl.col("e").min().alias("first")]
        parts.append(rolling(frame, "customer_id", d, aggregates))
    n, total = pl.col("payments_28d"), pl.col("spend_28d").cast(pl.Int128)
    spread = (n * pl.col("squares") - total * total).cast(pl.Float64) / (n * (n - 1))
    time = pl.from_epoch("k", time_unit="us")
    answers(frame, parts).select(
        pl.col("key").alias("customer_day_id"),
        *(f"payments_{d}d" for d in (7, 14, 28, 91)),
        *(f"spend_{d}d" for d in (7, 14, 28, 91)),
        *(ratio(f"spend_{d}d", f"payments_{d}d", f"mean_amount_{d}d") for d in (7, 14, 28, 91)),
        pl.when(n > 1).then(spread.sqrt()).alias("spread_28d"),
        "places_28d", "top_28d",
        (pl.col("k") - pl.col("last")).alias("idle"),
        (pl.col("k") - pl.col("first")).alias("since_first"),
        time.dt.weekday().alias("weekday"), time.dt.day().alias("day_of_month"),
    ).write_parquet(target / "customer_activity.parquet")  # fmt: skip


def ratio(above: str, below: str, name: str) -> pl.Expr:
    """NULL where nothing can be divided by."""
    return pl.when(pl.col(below) != 0).then(pl.col(above) / pl.col(below)).alias(name)


def customer_spending(source: Path, target: Path) -> None:
    """Payments before each payment of a customer, and this one over them."""
    rows = pl.read_parquet(source / "transactions.parquet")
    events = rows.select(
        "customer_id", "k", pl.col("k").alias("e"), pl.col("amount_cents").alias("v")
    )
    frame = union(rows, "transaction_id", "customer_id", [events])
    v, parts = pl.col("v"), []
    for d in (1, 7, 14, 30, 60):
        aggregates = [v.max().alias(f"top_{d}")]
        if d in (1, 7):
            aggregates.append(v.count().alias(f"n_{d}d"))
        if d in (7, 30, 60):
            aggregates.append(v.quantile(0.9, "equiprobable").alias(f"high_{d}"))
        if d == 30:
            aggregates.append(pl.col("e").max().alias("last"))
        if d == 60:
            aggregates.append(v.quantile(0.5, "equiprobable").alias("typical"))
        parts.append(rolling(frame, "customer_id", d, aggregates))
    wide = answers(frame, parts).join(
        rows.select(pl.col("transaction_id").alias("key"), "amount_cents"), on="key"
    )
    wide.select(
        pl.col("key").alias("transaction_id"), "n_1d", "n_7d",
        (pl.col("k") - pl.col("last")).alias("idle"),
        pl.col("typical").cast(pl.Int64).alias("typical_60d"),
        pl.col("high_60").cast(pl.Int64).alias("high_60d"),
        *(ratio("amount_cents", over, f"amount_to_{name}") for over, name in (
            ("typical", "typical_60d"), ("high_30", "high_30d"), ("high_60", "high_60d"),
            ("top_30", "top_30d"), ("top_60", "top_60d"))),
        *(ratio(f"top_{d}", "typical", f"top_to_typical_{d}d") for d in (1, 7, 14)),
        ratio("high_7", "typical", "high_to_typical_7d"),
    ).write_parquet(target / "customer_spending.parquet")  # fmt: skip


def terminal_risk(source: Path, target: Path) -> None:
    """Labels and reports known before each payment at a terminal."""
    rows = pl.read_parquet(source / "transactions.parquet")
    fraud, k, n = pl.col("is_fraud"), pl.col("k"), pl.col("number")
    # masked columns instead of filters in the windows: plain maxima are several times as fast
    labels = (
        pl.read_parquet(source / "labels.parquet")
        .with_columns(k.rank("max").over("terminal_id").cast(pl.Int64).alias("number"))
        .select(
            "terminal_id", "k", pl.col("amount_cents").alias("v"), "number",
            pl.lit(1).alias("one"), fraud.cast(pl.Int64).alias("f"), (2 * k + fraud).alias("pair"),
            pl.when(fraud).then(k).alias("fraud_at"), pl.when(~fraud).then(k).alias("legit_at"),
            pl.when(fraud).then(n).alias("fraud_number"),
            pl.when(~fraud).then(n).alias("legit_number"),
            pl.when(fraud).then("amount_cents").alias("fraud_amount"),
        )
        .sort("terminal_id", "k", "v")
    )  # fmt: skip
    frame = union(rows, "transaction_id", "terminal_id", [labels])
    parts = []
    for d in DAYS:
        aggregates = [
            pl.col("one").sum().alias(f"terminal_n_{d}d"), pl.col("f").sum().alias(f"fraud_{d}"),
        ]  # fmt: skip
        if d == 30:
            amount = pl.col("fraud_amount")
            aggregates += [
                (pl.col("pair").max() % 2).alias("last_settled"),
                pl.col("fraud_at").max().alias("last_fraud"),
                pl.col("fraud_at").min().alias("first_fraud"),
                pl.col("legit_at").max().alias("last_legit"),
                (n.max() - pl.col("fraud_number").max()).alias("settled_since_fraud"),
                (n.max() - pl.col("legit_number").max()).alias("settled_since_legit"),
                amount.drop_nulls().last().alias("last_fraud_amount"),
                amount.min().alias("smallest_fraud_amount"),
            ]
        parts.append(rolling(frame, "terminal_id", d, aggregates))
    settled = answers(frame, parts)
    reports = pl.read_parquet(source / "reports.parquet").select(
        "terminal_id", "k", pl.col("k").alias("e")
    )
    frame = union(rows, "transaction_id", "terminal_id", [reports])
    parts = [
        rolling(frame, "terminal_id", d, [pl.col("e").count().alias(f"reports_{d}d")]) for d in DAYS
    ]
    parts.append(rolling(frame, "terminal_id", 60, [pl.col("e").max().alias("last_report")]))
    settled.join(answers(frame, parts).drop("k"), on="key").select(
        pl.col("key").alias("transaction_id"),
        *(f"terminal_n_{d}d" for d in DAYS),
        *(ratio(f"fraud_{d}", f"terminal_n_{d}d", f"terminal_risk_{d}d") for d in DAYS),
        "last_settled",
        (k - pl.col("last_fraud")).alias("since_fraud"),
        (k - pl.col("first_fraud")).alias("since_first_fraud"),
        (k - pl.col("last_legit")).alias("since_legit"),
        "settled_since_fraud", "settled_since_legit",
        "last_fraud_amount", "smallest_fraud_amount", *(f"reports_{d}d" for d in DAYS),
        (k - pl.col("last_report")).alias("since_report"),
    ).write_parquet(target / "terminal_risk.parquet")  # fmt: skip


TASKS = {
    task.__name__: task for task in (twelve, customer_activity, customer_spending, terminal_risk)
}

if __name__ == "__main__":
    name, source, target, times = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    measured = measure(lambda: TASKS[name](source, target), int(times))
    report(**measured, versions={"polars": pl.__version__}, threads=pl.thread_pool_size())
