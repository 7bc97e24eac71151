"""The registry's tables in the lake, and how a row is inserted. No decisions here."""

from collections.abc import Mapping

import duckdb

from lakehouse.lake import qualified, quote, read_columns
from lakehouse.lake.layout import GATES, THRESHOLDS, TRAINING_SETS, TRANSITIONS, TRIALS, VERSIONS

_COLUMNS: dict[str, dict[str, str]] = {
    TRAINING_SETS: {
        "model": "VARCHAR",
        "training_set_id": "VARCHAR",
        "hash": "VARCHAR",
        "rows": "BIGINT",
        "without_features": "BIGINT",
        "snapshot": "BIGINT",
        "split": "VARCHAR",
        "feature_schema": "VARCHAR",
        "created_at": "TIMESTAMP",
    },
    VERSIONS: {
        "model": "VARCHAR",
        "version": "VARCHAR",
        "number": "BIGINT",
        "state": "VARCHAR",
        "created_at": "TIMESTAMP",
        "run_id": "VARCHAR",
        "snapshot": "BIGINT",
        "training_set_id": "VARCHAR",
        "training_set_hash": "VARCHAR",
        "split": "VARCHAR",
        "code_version": "VARCHAR",
        "code_hash": "VARCHAR",
        "config_hash": "VARCHAR",
        "feature_schema_hash": "VARCHAR",
        "params": "VARCHAR",
        "metrics": "VARCHAR",
        "artefact": "VARCHAR",
        "files": "VARCHAR",
    },
    TRANSITIONS: {
        "model": "VARCHAR",
        "version": "VARCHAR",
        "from_state": "VARCHAR",
        "to_state": "VARCHAR",
        "decided_at": "TIMESTAMP",
        "who": "VARCHAR",
        "why": "VARCHAR",
        "evidence": "VARCHAR",
        "load_id": "BIGINT",
    },
    GATES: {
        "model": "VARCHAR",
        "version": "VARCHAR",
        "gate": "VARCHAR",
        "metric": "VARCHAR",
        "value": "DOUBLE",
        "threshold": "DOUBLE",
        "passed": "BOOLEAN",
        "judged_at": "TIMESTAMP",
    },
    TRIALS: {
        "model": "VARCHAR",
        "study": "VARCHAR",
        "number": "BIGINT",
        "state": "VARCHAR",
        "params": "VARCHAR",
        "fold_values": "VARCHAR",
        "value": "DOUBLE",
        "seconds": "DOUBLE",
        "created_at": "TIMESTAMP",
        "run_id": "VARCHAR",
    },
    THRESHOLDS: {
        "model": "VARCHAR",
        "version": "VARCHAR",
        "valid_from": "TIMESTAMP",
        "threshold": "DOUBLE",
        "ties": "DOUBLE",
        "rule": "VARCHAR",
        "days": "BIGINT",
        "rows": "BIGINT",
        "alerts_per_day": "DOUBLE",
        "run_id": "VARCHAR",
    },
}


def create(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the registry's missing tables, in the open transaction."""
    for table, columns in _COLUMNS.items():
        listed = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in columns.items())
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {qualified(table)} ({listed})")
    # older lakes have no `ties`: they flagged all scores equal to the threshold
    cursor.execute(f"ALTER TABLE {qualified(THRESHOLDS)} ADD COLUMN IF NOT EXISTS ties DOUBLE")


def add_missing_columns(cursor: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add newer columns to a table of an older release; they are NULL there."""
    present = read_columns(cursor, table)
    for name, sql_type in _COLUMNS[table].items():
        if name not in present:
            added = f"ADD COLUMN {quote(name)} {sql_type}"
            cursor.execute(f"ALTER TABLE {qualified(table)} {added}")


def insert(cursor: duckdb.DuckDBPyConnection, table: str, row: Mapping[str, object]) -> None:
    """Add one row; every column must be given."""
    names = list(_COLUMNS[table])
    marks = ", ".join("?" * len(names))
    cursor.execute(
        f"INSERT INTO {qualified(table)} ({', '.join(map(quote, names))}) VALUES ({marks})",
        [row[name] for name in names],
    )
