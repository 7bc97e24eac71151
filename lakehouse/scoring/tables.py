"""The tables of a prediction log, which is append-only.

`<log>__log` has every row that was ever decided, with the number of its decision. A redo keeps the
rows that it replaces and adds them to `<log>__superseded`: a row's key, its decision, and the
decision that replaced it. The view `<log>` has the current rows. `<model>__decisions` describes
each decision: which version decided about which loads, when and why. `<model>__inputs` keeps the
features of decisions for a limited time.
"""

from datetime import datetime

import duckdb

from lakehouse.lake import qualified, quote, read_columns
from lakehouse.lake.layout import decisions_table, inputs_table, log_table, superseded_table
from lakehouse.models import ModelSpec

FOREVER = datetime(9999, 12, 31)
"""`starts_at` of a log that an older release wrote, where the rows passed over are unknown."""

DECISION = "_decision"

_DECISIONS = {
    DECISION: "BIGINT",
    "version": "VARCHAR",
    "decides": "BOOLEAN",
    "why": "VARCHAR",
    "after_load": "BIGINT",
    "until_load": "BIGINT",
    "trained_until_load": "BIGINT",
    "starts_at": "TIMESTAMP",
    "rows": "BIGINT",
    "superseded": "BIGINT",
    "snapshot": "BIGINT",
    "scored_at": "TIMESTAMP",
    "run_id": "VARCHAR",
}
"""Of the loads after `after_load` up to `until_load`, those up to `trained_until_load` existed when
the version was trained; in these it decided about rows with times from `starts_at` on."""


def is_legacy_log(cursor: duckdb.DuckDBPyConnection, log: str) -> bool:
    """Whether the log `schema.name` is a table and not a view, as in an older release."""
    return bool(read_columns(cursor, log)) and not read_columns(cursor, log_table(log))


def prepare_log(
    writer: duckdb.DuckDBPyConnection, log: str, key: str, types: dict[str, str]
) -> None:
    """Make the tables of the log `schema.name` and its view, in the open transaction.

    `types` are the SQL types of its columns by name, in order, without the decision. The rows of a
    log that an older release wrote stay where they are, as decision 0; newer columns are added.
    """
    physical = log_table(log)
    if is_legacy_log(writer, log):
        writer.execute(f"ALTER TABLE {qualified(log)} RENAME TO {quote(physical.name)}")
        added = f"ADD COLUMN {quote(DECISION)} BIGINT DEFAULT 0"
        writer.execute(f"ALTER TABLE {qualified(physical)} {added}")
    present = read_columns(writer, physical)
    if not present:
        _create(writer, physical, {**types, DECISION: "BIGINT"})
    for name in types:
        if present and name not in present:
            added = f"ADD COLUMN {quote(name)} {types[name]}"
            writer.execute(f"ALTER TABLE {qualified(physical)} {added}")
    replaced = {key: types[key], DECISION: "BIGINT", "superseded_by": "BIGINT"}
    _create(writer, superseded_table(log), replaced)
    writer.execute(f"CREATE VIEW IF NOT EXISTS {qualified(log)} AS {current_rows(log, key)}")


def current_rows(log: str, key: str) -> str:
    """SQL for the current rows of the log `schema.name`.

    Usually nothing is superseded: then the join costs nothing, and filters reach the scan.
    """
    same = f"s.{quote(key)} = l.{quote(key)} AND s.{DECISION} = l.{DECISION}"
    return (
        f"SELECT l.* FROM {qualified(log_table(log))} l "
        f"ANTI JOIN {qualified(superseded_table(log))} s ON {same}"
    )


def prepare_decisions(writer: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Make the table of decisions, in the open transaction."""
    _create(writer, decisions_table(spec.name), _DECISIONS)


def prepare_inputs(writer: duckdb.DuckDBPyConnection, spec: ModelSpec, key_type: str) -> None:
    """Make the table of inputs, in the open transaction."""
    types = {spec.spine.key: key_type, DECISION: "BIGINT", "features": "FLOAT[]"}
    _create(writer, inputs_table(spec.name), types)


def insert_decision(
    writer: duckdb.DuckDBPyConnection, spec: ModelSpec, row: dict[str, object]
) -> None:
    """Add one decision, in the open transaction; every column must be given."""
    names, marks = ", ".join(map(quote, _DECISIONS)), ", ".join("?" * len(_DECISIONS))
    writer.execute(
        f"INSERT INTO {qualified(decisions_table(spec.name))} ({names}) VALUES ({marks})",
        [row[name] for name in _DECISIONS],
    )


def _create(writer: duckdb.DuckDBPyConnection, table: str, types: dict[str, str]) -> None:
    columns = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in types.items())
    writer.execute(f"CREATE TABLE IF NOT EXISTS {qualified(table)} ({columns})")
