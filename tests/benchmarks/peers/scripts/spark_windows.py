"""Window features in Spark SQL, local: `spark_windows.py TASK INPUT OUTPUT TIMES`.

RANGE frames over integer microseconds that end before the row, so ties do not see each other.
Events and the rows that ask lie in one relation, so a late row counts from its `k` (known at).
Spark has no framed discrete quantile and no framed `count(DISTINCT)`: both are made of collected
arrays, a whole window's values for each row.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")

import pyspark
from measured import measure, report
from pyspark.sql import SparkSession

DAY = 86_400_000_000
DAYS = (1, 7, 30)
THREADS = 2


def frame(days: int, back: int = 0) -> str:
    """A frame strictly within `days` before the row, moved `back` days back."""
    return f"RANGE BETWEEN {(days + back) * DAY - 1}L PRECEDING AND {back * DAY + 1}L PRECEDING"


def windows(entity: str, days: tuple[int, ...], back: int = 0) -> str:
    """The definitions of windows w1, w7, ..."""
    return ", ".join(
        f"w{d} AS (PARTITION BY {entity} ORDER BY k {frame(d, back)})" for d in days
    )  # fmt: skip


def quantile(value: str, q: float, days: int) -> str:
    """The discrete quantile: collected, sorted, picked; NULL of no rows."""
    found = f"array_sort(collect_list({value}) OVER w{days})"
    rank = f"CAST(ceil(CAST({q} AS DECIMAL(3, 2)) * size({found})) AS INT)"
    return f"try_element_at({found}, nullif({rank}, 0))"


def over(above: str, below: str) -> str:
    """NULL where nothing can be divided by."""
    return f"CAST({above} AS DOUBLE) / nullif({below}, 0)"


def twelve(name: str) -> str:
    """Counts and sums over a customer's payments, or over a terminal's labels after 7 days."""
    total, back = {
        "customer": ("sum(amount_cents)", 0), "terminal": ("sum(CAST(is_fraud AS BIGINT))", 7),
    }[name]  # fmt: skip
    columns = ", ".join(
        f"count(*) OVER w{d} AS n_{d}d, coalesce({total} OVER w{d}, 0) AS total_{d}d" for d in DAYS
    )
    return (
        f"SELECT transaction_id, {name}_id, {columns} FROM transactions "
        f"WINDOW {windows(f'{name}_id', DAYS, back)}"
    )


def customer_activity() -> str:
    """Payments before each day of a customer."""
    days = (7, 14, 28, 91)
    each = ", ".join(
        f"count(v) OVER w{d} AS payments_{d}d, coalesce(sum(v) OVER w{d}, 0) AS spend_{d}d"
        for d in days
    )
    means = ", ".join(f"{over(f'spend_{d}d', f'payments_{d}d')} AS mean_amount_{d}d" for d in days)
    return f"""
SELECT customer_day_id, {", ".join(f"payments_{d}d, spend_{d}d" for d in days)}, {means},
    sqrt(CAST(payments_28d * squares - CAST(spend_28d AS DECIMAL(19)) * spend_28d AS DOUBLE)
        / nullif(payments_28d * (payments_28d - 1), 0)) AS spread_28d,
    places_28d, top_28d, idle, since_first,
    weekday(timestamp_micros(k)) + 1 AS weekday, day(timestamp_micros(k)) AS day_of_month
FROM (
    SELECT customer_day_id, k, {each},
        sum(CAST(v AS DECIMAL(19)) * v) OVER w28 AS squares,
        size(collect_set(place) OVER w28) AS places_28d, max(v) OVER w28 AS top_28d,
        k - max(e) OVER w91 AS idle, k - min(e) OVER w91 AS since_first
    FROM (
        SELECT customer_day_id, customer_id, t AS k, CAST(NULL AS BIGINT) AS e,
            CAST(NULL AS BIGINT) AS v, CAST(NULL AS BIGINT) AS place FROM customer_days
        UNION ALL SELECT NULL, customer_id, k, k, amount_cents, terminal_id FROM transactions)
    WINDOW {windows("customer_id", days)})
WHERE customer_day_id IS NOT NULL"""


def customer_spending() -> str:
    """Payments before each payment of a customer, and this one over them."""
    days = (1, 7, 14, 30, 60)
    tops = ", ".join(f"max(v) OVER w{d} AS top_{d}" for d in days)
    highs = ", ".join(f"{quantile('v', 0.9, d)} AS high_{d}" for d in (7, 30, 60))
    names = {"typical_60d": "typical", "high_30d": "high_30", "high_60d": "high_60"}
    names |= {"top_30d": "top_30", "top_60d": "top_60"}
    amounts = ", ".join(f"{over('amount', below)} AS amount_to_{n}" for n, below in names.items())
    recent = ", ".join(f"{over(f'top_{d}', 'typical')} AS top_to_typical_{d}d" for d in (1, 7, 14))
    return f"""
SELECT transaction_id, n_1d, n_7d, idle, typical AS typical_60d, high_60 AS high_60d, {amounts},
    {recent}, {over("high_7", "typical")} AS high_to_typical_7d
FROM (
    SELECT transaction_id, amount, count(v) OVER w1 AS n_1d, count(v) OVER w7 AS n_7d,
        k - max(e) OVER w30 AS idle, {quantile("v", 0.5, 60)} AS typical, {highs}, {tops}
    FROM (
        SELECT transaction_id, customer_id, t AS k, CAST(NULL AS BIGINT) AS e,
            CAST(NULL AS BIGINT) AS v, amount_cents AS amount FROM transactions
        UNION ALL SELECT NULL, customer_id, k, k, amount_cents, NULL FROM transactions)
    WINDOW {windows("customer_id", days)})
WHERE transaction_id IS NOT NULL"""


def terminal_risk() -> str:
    """Labels and reports known before each payment at a terminal."""
    counts = ", ".join(
        f"count(e) OVER w{d} AS terminal_n_{d}d, count(CASE WHEN f THEN 1 END) OVER w{d} AS "
        f"fraud_{d}, count(r) OVER w{d} AS reports_{d}d" for d in DAYS
    )  # fmt: skip
    shares = ", ".join(
        f"{over(f'fraud_{d}', f'terminal_n_{d}d')} AS terminal_risk_{d}d" for d in DAYS
    )
    plain = ", ".join(f"terminal_n_{d}d, reports_{d}d" for d in DAYS)
    return f"""
SELECT transaction_id, {plain}, {shares}, last_settled, k - last_fraud AS since_fraud,
    k - first_fraud AS since_first_fraud, k - last_legit AS since_legit,
    n - n_fraud AS settled_since_fraud, n - n_legit AS settled_since_legit,
    last_fraud_amount, smallest_fraud_amount, since_report
FROM (
    SELECT transaction_id, k, {counts},
        max_by(f, CASE WHEN e IS NOT NULL THEN struct(e, f) END) OVER w30 AS last_settled,
        max(CASE WHEN f THEN e END) OVER w30 AS last_fraud,
        min(CASE WHEN f THEN e END) OVER w30 AS first_fraud,
        max(CASE WHEN NOT f THEN e END) OVER w30 AS last_legit,
        max(rn) OVER w30 AS n, max(CASE WHEN f THEN rn END) OVER w30 AS n_fraud,
        max(CASE WHEN NOT f THEN rn END) OVER w30 AS n_legit,
        max_by(v, CASE WHEN f THEN struct(e, v) END) OVER w30 AS last_fraud_amount,
        min(CASE WHEN f THEN v END) OVER w30 AS smallest_fraud_amount,
        k - max(r) OVER w60 AS since_report
    FROM (
        SELECT transaction_id, terminal_id, t AS k, CAST(NULL AS BIGINT) AS e,
            CAST(NULL AS BIGINT) AS r, CAST(NULL AS BOOLEAN) AS f, CAST(NULL AS BIGINT) AS v,
            CAST(NULL AS BIGINT) AS rn FROM transactions
        UNION ALL SELECT NULL, terminal_id, k, k, NULL, is_fraud, amount_cents,
            count(*) OVER (PARTITION BY terminal_id ORDER BY k) FROM labels
        UNION ALL SELECT NULL, terminal_id, k, NULL, k, NULL, NULL, NULL FROM reports)
    WINDOW {windows("terminal_id", (1, 7, 30, 60))})
WHERE transaction_id IS NOT NULL"""


TASKS = {
    "twelve": lambda: {name: twelve(name) for name in ("customer", "terminal")},
    "customer_activity": lambda: {"customer_activity": customer_activity()},
    "customer_spending": lambda: {"customer_spending": customer_spending()},
    "terminal_risk": lambda: {"terminal_risk": terminal_risk()},
}


def main(spark: SparkSession, task: str, source: Path, target: Path) -> None:
    """Read Parquet, compute each table, write Parquet."""
    for file in source.glob("*.parquet"):
        spark.read.parquet(str(file)).createOrReplaceTempView(file.stem)
    for table, query in TASKS[task]().items():
        spark.sql(query).write.mode("overwrite").parquet(str(target / f"{table}.parquet"))


if __name__ == "__main__":
    task, source, target, times = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    started = time.monotonic()
    spark = (
        SparkSession.builder.master(f"local[{THREADS}]")
        .config("spark.driver.memory", "6g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    start = time.monotonic() - started
    measured = measure(lambda: main(spark, task, source, target), int(times))
    report(
        **measured, versions={"pyspark": pyspark.__version__}, threads=THREADS, start_seconds=start
    )
    spark.stop()
