"""The declaration of each version of a feature set: `ops.feature_versions`.

A changed declaration makes a new version and overwrites the old one in `defs.yaml`. A model that
still reads the old table needs it to grow, so the declaration is stored in the commit that creates
the table. `increments.py` does the refreshes.
"""

import duckdb
from pydantic import ValidationError

from lakehouse.features import versions
from lakehouse.features.compile import Plan
from lakehouse.features.expressions import FeatureError
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import NoSuchTable, qualified, table_exists
from lakehouse.lake.layout import FEATURE_VERSIONS


def is_declared(cursor: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the declaration of the version in `table` is stored."""
    return _read(cursor, table) is not None


def declare(writer: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Store the plan's declaration in the open transaction, unless it exists."""
    table = versions.table_name(plan)
    if is_declared(writer, table):
        return
    writer.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(FEATURE_VERSIONS)} "
        "(name VARCHAR, spine VARCHAR, declaration VARCHAR)"
    )
    writer.execute(
        f"INSERT INTO {qualified(FEATURE_VERSIONS)} VALUES (?, ?, ?)",
        [table, plan.spine.name, plan.spec.model_dump_json()],
    )


def remove_declaration(writer: duckdb.DuckDBPyConnection, table: str) -> None:
    """Delete the declaration of a dropped table in the open transaction."""
    if table_exists(writer, FEATURE_VERSIONS):
        writer.execute(f"DELETE FROM {qualified(FEATURE_VERSIONS)} WHERE name = ?", [table])


def declared_plan(cursor: duckdb.DuckDBPyConnection, table: str) -> Plan:
    """The plan that created `table` (`features.<set>__<version>`), against the lake's current
    tables.

    Raises:
        NoSuchTable: when an input no longer exists.
        FeatureError: when the declaration was not stored, this release cannot read it, or it would
            now compute other values because the compiler or the columns it reads have changed.
    """
    stored = _read(cursor, table)
    if stored is None:
        raise FeatureError(f"the declaration of {table} was not stored")
    spine, declaration = stored
    try:
        spec = FeatureSetSpec.model_validate_json(declaration)
    except ValidationError as error:
        raise FeatureError(
            f"this release cannot read the declaration of {table} "
            f"({error.error_count()} fields differ)"
        ) from error
    plan = versions.load_plan(spec, cursor, spine)
    if versions.table_name(plan) != table:
        raise FeatureError(
            f"{table} cannot be computed as before: the columns it reads have changed, or the "
            "feature compiler has"
        )
    return plan


def refresh_problem(cursor: duckdb.DuckDBPyConnection, table: str) -> str:
    """Why the stored declaration cannot bring `table` up to date; empty if it can."""
    try:
        declared_plan(cursor, table)
    except (FeatureError, NoSuchTable) as error:
        return str(error)
    return ""


def _read(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[str, str] | None:
    if not table_exists(cursor, FEATURE_VERSIONS):
        return None
    row = cursor.execute(
        f"SELECT spine, declaration FROM {qualified(FEATURE_VERSIONS)} WHERE name = ?", [table]
    ).fetchone()
    return (str(row[0]), str(row[1])) if row else None
