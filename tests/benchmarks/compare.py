"""Whether the bare script did the same work: its tables against the lake's, row by row.

A benchmark against a script that does less work would be meaningless.
"""

from pathlib import Path

import duckdb

from lakehouse.lake import Lake
from lakehouse.settings import Settings

SAME_ROWS = {
    "fct_transactions": "core.fct_transactions",
    "fct_reports": "core.fct_reports",
    "fct_labels": "core.fct_labels",
    "dim_customers": "core.dim_customers",
    "dim_terminals": "core.dim_terminals",
    "customer_days": "core.customer_days",
    "daily_fraud_losses": "reporting.daily_fraud_losses",
    "merchant_performance": "reporting.merchant_performance",
    "customer_activity": "reporting.customer_activity",
    "f_transaction_context": "features.transaction_context",
    "f_customer_spending": "features.customer_spending",
    "f_terminal_risk": "features.terminal_risk",
    "f_customer_profile": "features.customer_profile",
    "f_customer_profile__days": "features.customer_profile__days",
    "f_customer_activity__days": "features.customer_activity",
}
"""Tables whose common columns must hold the same rows."""
SAME_KEYS = {
    "predictions_fraud_detector": "predictions.fraud_detector",
    "predictions_customer_spend_forecast": "predictions.customer_spend_forecast",
    "predictions_fraud_scenario": "predictions.fraud_scenario",
    "training_fraud_detector": "training.fraud_detector",
    "training_customer_spend_forecast": "training.customer_spend_forecast",
    "training_fraud_scenario": "training.fraud_scenario",
}
"""Tables that must have as many rows."""


def differences(settings: Settings, database: Path) -> list[str]:
    """A sentence for each table of the bare script that differs from the lake's; empty if none.

    Floating-point values are compared to 9 digits: other formulas cause small deviations.
    """
    found = []
    with Lake(settings, read_only=True) as lake, lake.cursor() as cursor:
        cursor.execute(f"ATTACH '{database}' AS bare (READ_ONLY)")
        try:
            for bare_table, lake_table in (SAME_ROWS | SAME_KEYS).items():
                bare_table, lake_table = f"bare.main.{bare_table}", f"lake.{lake_table}"
                counts = [_count(cursor, name) for name in (bare_table, lake_table)]
                if counts[0] != counts[1]:
                    found.append(f"{bare_table} has {counts[0]:,} rows, {lake_table} {counts[1]:,}")
                elif bare_table.split(".")[-1] in SAME_ROWS:
                    found += _columns_that_differ(cursor, bare_table, lake_table)
        finally:
            cursor.execute("DETACH bare")
    return found


def _columns_that_differ(
    cursor: duckdb.DuckDBPyConnection, bare_table: str, lake_table: str
) -> list[str]:
    types = [
        dict(cursor.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall())
        for name in (bare_table, lake_table)
    ]
    common = [column for column in types[0] if column in types[1]]
    missing = [c for c in types[1] if c not in types[0] and not c.startswith("_")]
    found = [f"{bare_table} has no {', '.join(missing)}"] if missing else []
    key = common[: 2 if common[0] in ("month", "customer_id", "terminal_id") else 1]
    wrong = []
    for column in common:
        a, b = f'a."{column}"', f'b."{column}"'
        same = f"{a} IS NOT DISTINCT FROM {b}"
        if "DOUBLE" in (types[0][column], types[1][column]):
            same += f" OR abs({a} - {b}) <= 1e-9 * greatest(abs({a}), abs({b}))"
        wrong.append(f'count(*) FILTER (NOT ({same})) AS "{column}"')
    listed = ", ".join(f'"{name}"' for name in key)
    query = (
        f"SELECT count(*), {', '.join(wrong)} "
        f"FROM {bare_table} a JOIN {lake_table} b USING ({listed})"
    )
    joined, *numbers = cursor.execute(query).fetchall()[0]
    if joined != _count(cursor, bare_table):
        found.append(f"{bare_table} and {lake_table} have only {joined:,} keys in common")
    for column, number in zip(common, numbers, strict=True):
        if number:
            found.append(f"{number:,} rows of {bare_table} and {lake_table} differ in {column}")
    return found


def _count(cursor: duckdb.DuckDBPyConnection, table: str) -> int:
    row = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
