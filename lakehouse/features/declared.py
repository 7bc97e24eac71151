"""What each version of a feature set was declared as: `ops.feature_versions`.

A changed declaration makes a new version, and `defs.yaml` forgets the old one. Whoever still reads
the old table (a model that decides) needs it to grow, so its declaration is kept beside it, in the
commit that makes the table. How a table grows is `refresh.py`'s.
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
    """Whether the declaration of the version in `table` is kept."""
    return _read(cursor, table) is not None


def declare(writer: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Keep the plan's declaration, unless it is there, in the open transaction."""
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


def forget(writer: duckdb.DuckDBPyConnection, table: str) -> None:
    """Delete the declaration of a table that is dropped, in the open transaction."""
    if table_exists(writer, FEATURE_VERSIONS):
        writer.execute(f"DELETE FROM {qualified(FEATURE_VERSIONS)} WHERE name = ?", [table])


def declared_plan(cursor: duckdb.DuckDBPyConnection, table: str) -> Plan:
    """The plan that `table` (`features.<set>__<version>`) was made by, over the lake of now.

    Raises:
        NoSuchTable: when an input is gone.
        FeatureError: when the declaration was not kept, this release cannot read it, or it would
            compute other values now: the columns it reads, or the compiler, have changed.
    """
    kept = _read(cursor, table)
    if kept is None:
        raise FeatureError(f"the declaration of {table} was not kept")
    spine, declaration = kept
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


def why_not_kept_up(cursor: duckdb.DuckDBPyConnection, table: str) -> str:
    """Why `table` cannot be brought up to date by what was declared; empty if it can."""
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
