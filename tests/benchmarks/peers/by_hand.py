"""SQL written by hand for the same features: statements for views over files, and a SELECT a table.

The shipped sets are those of the bare script, which says what short cuts they take.
"""

from tests.benchmarks import bare
from tests.benchmarks.bare import frame
from tests.benchmarks.features import DAYS

Statements = dict[str, list[str] | dict[str, str]]

_TABLES = {"labels": "fct_labels", "reports": "fct_reports", "customer_days": "customer_days"}
_JOIN = """
SELECT s.transaction_id, f.* EXCLUDE (event_timestamp)
FROM read_parquet('{input}/spine.parquet') s
ASOF LEFT JOIN read_parquet('{input}/features.parquet') f
    ON s.customer_id = f.customer_id AND s.event_timestamp >= f.event_timestamp"""


def statements(task: str) -> Statements:
    """The statements of a task; `{input}` is the folder of the files."""
    if task == "join":
        return {"first": [], "tables": {"customer": _JOIN}}
    if task == "twelve":
        return {
            "first": ["CREATE TABLE rows AS FROM read_parquet('{input}/transactions.parquet')"],
            "tables": {
                "customer": _twelve("customer", "sum(amount_cents)", 0),
                "terminal": _twelve("terminal", "count(*) FILTER (is_fraud)", 7),
            },
        }
    return {
        "first": [
            "CREATE TEMP TABLE timed AS SELECT transaction_id, customer_id, terminal_id, "
            "event_time, amount_cents, k, t FROM read_parquet('{input}/transactions.parquet')",
            *(
                f"CREATE TABLE {table} AS SELECT * EXCLUDE (t, k) "
                f"FROM read_parquet('{{input}}/{file}.parquet')"
                for file, table in _TABLES.items()
            ),
        ],
        "tables": {task: getattr(bare, task)()},
    }


def _twelve(name: str, total: str, back: int) -> str:
    columns = ", ".join(
        f"count(*) OVER w{d} AS n_{d}d, coalesce({total} OVER w{d}, 0) AS total_{d}d" for d in DAYS
    )
    windows = ", ".join(
        f"w{d} AS (PARTITION BY {name}_id ORDER BY k {frame(d, back)})" for d in DAYS
    )
    return f"SELECT transaction_id, {name}_id, {columns} FROM rows WINDOW {windows}"
