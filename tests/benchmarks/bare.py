"""The same work without the machinery: DuckDB, LightGBM, one plain database file, one process.

Reads the files of the embedded world and builds the tables of the lake: cleaned transactions in
euro, reports, labels, history of dimensions, features, predictions of three models, reports for
people. Written by hand for this one world and run from the start each time: no contract, no
quarantine, no increments, no checks, no registry, no pictures. `compare.py` compares its tables
with the lake's.

    python -m tests.benchmarks.bare DATA_DIR DATABASE [THREADS]
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.benchmarks.bare_models import MODELS, US_PER_DAY, model

FIELDS = (
    "transaction_id",
    "customer_id",
    "terminal_id",
    "event_time",
    "amount",
    "currency",
    "channel",
)

TRANSACTIONS = """
CREATE TEMP TABLE files AS
    SELECT seal, lag(seal) OVER (ORDER BY seal) AS previous FROM (
        SELECT DISTINCT strptime(left(parse_filename(file), 22), '%Y%m%dT%H%M%S%fZ') AS seal
        FROM glob('{landing}/transactions/*.jsonl.gz'));
CREATE TABLE fct_transactions AS
WITH lines AS (
    SELECT CASE WHEN json_valid(line) THEN json_transform(line, '{structure}') END AS r,
        strptime(left(parse_filename(filename), 22), '%Y%m%dT%H%M%S%fZ') AS seal
    FROM read_csv('{landing}/transactions/*.jsonl.gz', columns = {{line: 'VARCHAR'}},
        delim = '\x01', quote = '', escape = '', header = false, auto_detect = false,
        filename = true)
), rows AS (
    SELECT try_cast(r.transaction_id AS BIGINT) AS transaction_id,
        try_cast(r.customer_id AS BIGINT) AS customer_id,
        try_cast(r.terminal_id AS BIGINT) AS terminal_id,
        try_cast(r.event_time AS TIMESTAMP) AS event_time,
        try_cast(r.amount AS DECIMAL(18, 2)) AS amount, upper(trim(r.currency)) AS currency,
        coalesce(nullif(lower(trim(r.channel)), ''), 'unknown') AS channel, seal
    FROM lines
), firsts AS (
    SELECT * REPLACE (least(event_time, known_at) AS event_time) FROM (
        SELECT rows.*,
            least(greatest(event_time, previous + INTERVAL 1 microsecond), seal) AS known_at
        FROM rows JOIN files USING (seal))
    WHERE transaction_id IS NOT NULL AND customer_id IS NOT NULL AND terminal_id IS NOT NULL
        AND event_time IS NOT NULL AND amount >= 0 AND currency IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY seal) = 1
), rates AS (
    SELECT r.currency AS unit, CAST(r.published_at AS TIMESTAMP) AS published,
        CAST(r.rate AS DECIMAL(18, 8)) AS rate
    FROM (SELECT unnest(data) AS r FROM read_json('{world}/api/exchange_rates/*.json'))
)
SELECT transaction_id, customer_id, terminal_id, event_time, known_at, amount, currency,
    CAST(CASE currency WHEN 'EUR' THEN amount ELSE round(amount * rate, 2) END AS DECIMAL(18, 2))
        AS amount_eur,
    CAST(amount_eur * 100 AS BIGINT) AS amount_cents, channel
FROM firsts ASOF LEFT JOIN rates ON currency = unit AND event_time > published
ORDER BY event_time, transaction_id;
"""

REPORTS_AND_LABELS = """
CREATE TABLE fct_reports AS
WITH chargebacks AS (
    SELECT CAST(chargeback_id AS BIGINT) AS chargeback_id,
        CAST(transaction_id AS BIGINT) AS transaction_id, lower(trim(fraud_kind)) AS fraud_kind,
        least(greatest(CAST(reported_at AS TIMESTAMP), previous + INTERVAL 1 microsecond), seal)
            AS reported_at
    FROM (SELECT *, strptime(left(parse_filename(filename), 22), '%Y%m%dT%H%M%S%fZ') AS seal
        FROM read_csv('{landing}/chargebacks/*.csv', all_varchar = true, filename = true))
    JOIN files USING (seal)
)
SELECT transaction_id, chargeback_id, customer_id, terminal_id, event_time, reported_at,
    greatest(t.known_at, reported_at) AS known_at, fraud_kind, amount_eur, amount_cents
FROM chargebacks JOIN fct_transactions t USING (transaction_id)
QUALIFY row_number() OVER (PARTITION BY transaction_id ORDER BY reported_at) = 1
ORDER BY event_time, transaction_id;
CREATE TABLE fct_labels AS
SELECT t.transaction_id, t.customer_id, t.terminal_id, t.event_time,
    greatest(t.known_at, t.event_time + INTERVAL 14 day) AS known_at,
    coalesce(r.reported_at <= t.event_time + INTERVAL 14 day, false) AS is_fraud,
    CASE WHEN is_fraud THEN r.fraud_kind END AS fraud_kind, t.amount_cents
FROM fct_transactions t LEFT JOIN fct_reports r USING (transaction_id)
WHERE t.event_time <= (SELECT max(seal) FROM files) - INTERVAL 14 day
ORDER BY t.event_time, t.transaction_id;
"""

DIMENSION = """
CREATE TABLE dim_{table} AS
SELECT {key}_id, row_number() OVER w AS version,
    CAST(versions.updated_at AS TIMESTAMP) AS valid_from, lead(valid_from) OVER w AS valid_to,
    valid_to IS NULL AND NOT is_deleted AS is_current, is_deleted,
    {attributes}, CAST(opened_at AS TIMESTAMP) AS opened_at, valid_from AS updated_at,
    valid_from AS known_at
FROM (
    SELECT *, false AS is_deleted
    FROM (FROM bank.{table} UNION ALL BY NAME FROM bank.{table}_history)
    UNION ALL BY NAME
    SELECT DISTINCT {key}_id, true AS is_deleted, (SELECT max(seal) FROM files) AS updated_at
    FROM bank.{table}_history WHERE {key}_id NOT IN (SELECT {key}_id FROM bank.{table})
) AS versions
WINDOW w AS (PARTITION BY {key}_id ORDER BY CAST(versions.updated_at AS TIMESTAMP))
ORDER BY {key}_id, valid_from;
"""
ATTRIBUTES = {
    "customer": "CAST(left(birth_date, 4) AS INTEGER) AS birth_year, gender, country, segment, "
    "home_x, home_y",
    "terminal": "merchant_name, merchant_category, country, x, y",
}

CUSTOMER_DAYS = """
CREATE TABLE customer_days AS
SELECT customer_id * 100000 + datediff('day', DATE '1970-01-01', day) AS customer_day_id,
    customer_id, day AS event_time, day - INTERVAL 1 microsecond AS known_at
FROM generate_series((SELECT CAST(min(seal) AS DATE) + 1 FROM files),
    (SELECT CAST(max(seal) AS DATE) + 1 FROM files), INTERVAL 1 day) AS days(day)
JOIN dim_customers ON valid_from < day AND (valid_to IS NULL OR valid_to >= day) AND NOT is_deleted
ORDER BY day, customer_id;
"""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print the time of a step."""
    started, used = time.monotonic(), time.process_time()
    yield
    wall, cpu = time.monotonic() - started, time.process_time() - used
    print(f"{name:<28}{wall:>7.1f} s{cpu:>7.1f} s of CPU")


def frame(days: int, delay: int = 0) -> str:
    """A frame strictly within `days` before the row, moved `delay` days back; microseconds."""
    far, near = (days + delay) * US_PER_DAY - 1, max(delay * US_PER_DAY, 0) + 1
    return f"RANGE BETWEEN {far} PRECEDING AND {near} PRECEDING"


SPENDING = """
SELECT transaction_id, customer_id, event_time, n_1d, n_7d, idle, typical AS typical_60d,
    high_60 AS high_60d, amount_cents / nullif(typical, 0) AS amount_to_typical_60d,
    amount_cents / nullif(high_30, 0) AS amount_to_high_30d,
    amount_cents / nullif(high_60, 0) AS amount_to_high_60d,
    amount_cents / nullif(top_30, 0) AS amount_to_top_30d,
    amount_cents / nullif(top_60, 0) AS amount_to_top_60d,
    top_1 / nullif(typical, 0) AS top_to_typical_1d,
    top_7 / nullif(typical, 0) AS top_to_typical_7d,
    top_14 / nullif(typical, 0) AS top_to_typical_14d,
    high_7 / nullif(typical, 0) AS high_to_typical_7d
FROM ({aggregates})"""


def customer_spending() -> str:
    """Frames over the transactions themselves; a join adds late transactions (0.3 %)."""

    def aggregates(value: str, modifier: dict[int, str]) -> str:
        tops = ", ".join(f"max({value}) {modifier[d]} AS top_{d}" for d in (1, 7, 14, 30, 60))
        highs = ", ".join(
            f"quantile_disc({value}, 0.9) {modifier[d]} AS high_{d}" for d in (7, 30, 60)
        )
        return (
            f"count({value}) {modifier[1]} AS n_1d, count({value}) {modifier[7]} AS n_7d, "
            f"quantile_disc({value}, 0.5) {modifier[60]} AS typical, {tops}, {highs}"
        )

    days = (1, 7, 14, 30, 60)
    windows = ", ".join(f"w{d} AS (PARTITION BY customer_id ORDER BY k {frame(d)})" for d in days)
    filters = {d: f"FILTER (s.k > t.t - {d * US_PER_DAY})" for d in days}
    union = f"""
        SELECT transaction_id, customer_id, event_time, amount_cents,
            t - max(k) OVER w30 AS idle,
            {aggregates("amount_cents", {d: f"OVER w{d}" for d in days})}
        FROM timed WINDOW {windows} QUALIFY k = t
        UNION ALL
        SELECT t.transaction_id, t.customer_id, t.event_time, t.amount_cents,
            t.t - max(s.k) {filters[30]} AS idle, {aggregates("s.amount_cents", filters)}
        FROM timed t LEFT JOIN timed s
            ON s.customer_id = t.customer_id AND s.k < t.t AND s.k > t.t - {60 * US_PER_DAY}
        WHERE t.k <> t.t
        GROUP BY t.transaction_id, t.customer_id, t.event_time, t.amount_cents, t.t"""
    return SPENDING.format(aggregates=union)


def terminal_risk() -> str:
    """Frames over transactions, moved back, as a label settles 14 days after its transaction."""
    windows = ", ".join(
        f"w{d} AS (PARTITION BY terminal_id ORDER BY t {frame(d, 14)})" for d in (1, 7, 30)
    )
    rates = ", ".join(
        f"count(*) OVER w{d} AS terminal_n_{d}d, count(*) FILTER (is_fraud) OVER w{d} AS fraud_{d}"
        for d in (1, 7, 30)
    )
    shares = ", ".join(
        f"fraud_{d} / nullif(terminal_n_{d}d, 0) AS terminal_risk_{d}d" for d in (1, 7, 30)
    )
    reports = ", ".join(
        f"count(*) FILTER (r.k > t.t - {d * US_PER_DAY}) AS reports_{d}d" for d in (1, 7, 30)
    )
    return f"""
WITH judged AS (
    SELECT timed.*, coalesce(is_fraud, false) AS is_fraud,
        count(*) OVER (PARTITION BY timed.terminal_id ORDER BY t) AS rn
    FROM timed LEFT JOIN fct_labels USING (transaction_id)
), settled AS (
    SELECT transaction_id, terminal_id, event_time, t, {rates},
        arg_max(is_fraud, (t, is_fraud)) OVER w30 AS last_settled,
        max(t) FILTER (is_fraud) OVER w30 AS last_fraud,
        min(t) FILTER (is_fraud) OVER w30 AS first_fraud,
        max(t) FILTER (NOT is_fraud) OVER w30 AS last_legit,
        max(rn) OVER w30 AS n, max(rn) FILTER (is_fraud) OVER w30 AS n_fraud,
        max(rn) FILTER (NOT is_fraud) OVER w30 AS n_legit,
        arg_max(amount_cents, (t, amount_cents)) FILTER (is_fraud) OVER w30 AS last_fraud_amount,
        min(amount_cents) FILTER (is_fraud) OVER w30 AS smallest_fraud_amount
    FROM judged WINDOW {windows}
), reported AS (
    SELECT transaction_id, {reports}, t.t - max(r.k) AS since_report
    FROM timed t JOIN (SELECT terminal_id, epoch_us(known_at) AS k FROM fct_reports) r
        ON r.terminal_id = t.terminal_id AND r.k < t.t AND r.k > t.t - {60 * US_PER_DAY}
    GROUP BY transaction_id, t.t
)
SELECT transaction_id, terminal_id, event_time, terminal_n_1d, terminal_n_7d, terminal_n_30d,
    {shares}, last_settled, t - last_fraud - {14 * US_PER_DAY} AS since_fraud,
    t - first_fraud - {14 * US_PER_DAY} AS since_first_fraud,
    t - last_legit - {14 * US_PER_DAY} AS since_legit, n - n_fraud AS settled_since_fraud,
    n - n_legit AS settled_since_legit, last_fraud_amount, smallest_fraud_amount,
    coalesce(reports_1d, 0) AS reports_1d, coalesce(reports_7d, 0) AS reports_7d,
    coalesce(reports_30d, 0) AS reports_30d, since_report
FROM settled LEFT JOIN reported USING (transaction_id)"""


def customer_activity() -> str:
    """Frames over transactions and midnights in one relation."""
    windows = ", ".join(
        f"w{d} AS (PARTITION BY customer_id ORDER BY t {frame(d)})" for d in (7, 14, 28, 91)
    )
    each = ", ".join(
        f"count(v) OVER w{d} AS payments_{d}d, "
        f"CAST(coalesce(sum(v) OVER w{d}, 0) AS BIGINT) AS spend_{d}d, "
        f"spend_{d}d / nullif(payments_{d}d, 0) AS mean_amount_{d}d"
        for d in (7, 14, 28, 91)
    )
    return f"""
SELECT * EXCLUDE (v, squares), sqrt((payments_28d * squares - spend_28d::HUGEINT * spend_28d)
        / (payments_28d * (payments_28d - 1))) AS spread_28d,
    isodow(event_time) AS weekday, day(event_time) AS day_of_month
FROM (
    SELECT customer_day_id, customer_id, event_time, v, {each},
        sum(v::HUGEINT * v) OVER w28 AS squares, count(DISTINCT place) OVER w28 AS places_28d,
        max(v) OVER w28 AS top_28d, t - max(k) OVER w91 AS idle, t - min(k) OVER w91 AS since_first
    FROM (
        SELECT customer_day_id, customer_id, event_time, epoch_us(event_time) AS t,
            NULL::BIGINT AS k, NULL::BIGINT AS v, NULL::BIGINT AS place FROM customer_days
        UNION ALL SELECT NULL, customer_id, NULL, k, k, amount_cents, terminal_id FROM timed)
    WINDOW {windows})
WHERE customer_day_id IS NOT NULL"""


PROFILE = """
SELECT {key}, s.customer_id, event_time, segment AS customer_segment, country AS customer_country,
    birth_year AS customer_birth_year
FROM {spine} s ASOF LEFT JOIN dim_customers d
    ON d.customer_id = s.customer_id AND event_time > valid_from"""
CONTEXT = """
SELECT transaction_id, customer_id, event_time, amount_cents, hour(event_time) < 6 AS night,
    isodow(event_time) >= 6 AS weekend FROM fct_transactions"""

REPORTING = """
CREATE TABLE daily_fraud_losses AS
SELECT day, transactions, amount_eur, coalesce(reported_frauds, 0) AS reported_frauds,
    coalesce(loss_eur, 0) AS loss_eur, loss_eur::DOUBLE / nullif(amount_eur::DOUBLE, 0)
        AS loss_share,
    coalesce(settled_transactions, 0) AS settled_transactions,
    coalesce(settled_frauds, 0) AS settled_frauds
FROM (SELECT event_time::DATE AS day, count(*) AS transactions, sum(amount_eur) AS amount_eur
    FROM fct_transactions GROUP BY ALL)
LEFT JOIN (SELECT event_time::DATE AS day, count(*) AS reported_frauds, sum(amount_eur) AS loss_eur
    FROM fct_reports GROUP BY ALL) USING (day)
LEFT JOIN (SELECT event_time::DATE AS day, count(*) AS settled_transactions,
    count(*) FILTER (is_fraud) AS settled_frauds FROM fct_labels GROUP BY ALL) USING (day)
ORDER BY day;
CREATE VIEW label_completeness AS
SELECT date_trunc('month', event_time)::DATE AS month, days, count(*) AS reports,
    count(*) FILTER (reported_at - event_time <= to_days(days)) AS arrived,
    arrived / reports AS share
FROM fct_reports, (SELECT unnest([1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60]) AS days) GROUP BY ALL;
"""
MONTHLY = """
CREATE TABLE {name} AS
SELECT month, a.{key}_id, {attributes}, a.* EXCLUDE (month, {key}_id)
FROM (SELECT date_trunc('month', t.event_time)::DATE AS month, t.{key}_id,
        count(*) AS transactions, sum(t.amount_eur) AS amount_eur, {counts},
        count(r.transaction_id) AS reported_frauds, coalesce(sum(r.amount_eur), 0) AS loss_eur,
        max(t.event_time) AS last_transaction_at
    FROM fct_transactions t LEFT JOIN fct_reports r USING (transaction_id) GROUP BY ALL) a
ASOF LEFT JOIN dim_{key}s d ON a.{key}_id = d.{key}_id AND last_transaction_at > valid_from
ORDER BY month, a.{key}_id;
"""


def tables(db: duckdb.DuckDBPyConnection, data: Path) -> None:
    """Build everything up to the features and the tables that people read."""
    package = importlib.util.find_spec("duckdb_extension_sqlite_scanner")
    assert package is not None
    assert package.submodule_search_locations
    (extension,) = Path(package.submodule_search_locations[0]).rglob("*.duckdb_extension")
    db.execute(f"LOAD '{extension}'")
    db.execute(f"ATTACH '{data}/world/bank.sqlite' AS bank (TYPE sqlite, READ_ONLY)")
    structure = json.dumps(dict.fromkeys(FIELDS, "VARCHAR"))
    places = {"landing": data / "landing", "world": data / "world", "structure": structure}
    with step("transactions"):
        db.execute(TRANSACTIONS.format(**places))
    with step("other core tables"):
        db.execute(REPORTS_AND_LABELS.format(**places))
        for key, attributes in ATTRIBUTES.items():
            db.execute(DIMENSION.format(table=f"{key}s", key=key, attributes=attributes))
        db.execute(CUSTOMER_DAYS)
    merchant = "merchant_name, merchant_category, country"
    customers = "count(DISTINCT t.customer_id) AS customers"
    places_and_days = (
        "count(DISTINCT t.terminal_id) AS terminals, "
        "count(DISTINCT t.event_time::DATE) AS active_days"
    )
    with step("reporting"):
        db.execute(REPORTING)
        for name, key, shown, counts in (
            ("merchant_performance", "terminal", merchant, customers),
            ("customer_activity", "customer", "segment, country", places_and_days),
        ):
            db.execute(MONTHLY.format(name=name, key=key, attributes=shown, counts=counts))
    db.execute(
        "CREATE TEMP TABLE timed AS SELECT transaction_id, customer_id, terminal_id, event_time, "
        "amount_cents, epoch_us(known_at) AS k, epoch_us(event_time) AS t FROM fct_transactions"
    )
    for name, sql in (
        ("transaction_context", CONTEXT),
        ("customer_spending", customer_spending()),
        ("terminal_risk", terminal_risk()),
        ("customer_profile", PROFILE.format(key="transaction_id", spine="fct_transactions")),
        ("customer_profile__days", PROFILE.format(key="customer_day_id", spine="customer_days")),
        ("customer_activity__days", customer_activity()),
    ):
        with step(name):
            db.execute(f"CREATE TABLE f_{name} AS {sql} ORDER BY event_time, 1")


def main(data: Path, database: Path, threads: int) -> None:
    """Build the database from scratch."""
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as db:
        db.execute(f"SET threads = {threads}; SET memory_limit = '4GB'; SET TimeZone = 'UTC'")
        db.execute("SET preserve_insertion_order = false")
        tables(db, data)
        for declared in MODELS:
            with step(declared["name"]):
                model(db, **declared, threads=threads)


if __name__ == "__main__":
    cores = int(sys.argv[3]) if len(sys.argv) > 3 else os.cpu_count() or 1
    main(Path(sys.argv[1]), Path(sys.argv[2]), cores)
