"""Where a feature set is stored in the lake: a table per version, and a view of the current one.

Versions exist in parallel, so a model keeps reading the one that it was trained on.
"""

import duckdb

from lakehouse.features.compile import Feature, Plan, plan, read_schema
from lakehouse.features.computation import result_types
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import CATALOG, Lake, Table, qualified, quote, table_exists
from lakehouse.lake.layout import feature_table, feature_view

__all__ = [
    "create_table",
    "feature_columns",
    "is_current",
    "load_plan",
    "make_current",
    "read_schema",
    "result_types",
    "table_name",
    "view_name",
]


def view_name(spec: FeatureSetSpec, spine: str | None = None) -> Table:
    """`features.<set>` for the first spine, `features.<set>__<spine>` for another one."""
    chosen = spec.spine(spine)
    return feature_view(spec.name, "" if chosen == spec.spines[0] else chosen.name)


def table_name(plan: Plan) -> Table:
    """The table of this version: the view's name and eight hex digits."""
    return feature_table(view_name(plan.spec, plan.spine.name).name, plan.version)


def load_plan(
    spec: FeatureSetSpec, cursor: duckdb.DuckDBPyConnection, spine: str | None = None
) -> Plan:
    """The plan against the tables that are currently in the lake.

    Raises:
        NoSuchTable, FeatureError: for a table, column or type that does not exist.
    """
    dimensions = (attribute.of for attribute in spec.attributes.values())
    tables = {spec.spine(spine).table, *spec.streams.values(), *dimensions}
    return plan(spec, read_schema(cursor, sorted(tables)), spine)


def feature_columns(spec: FeatureSetSpec, lake: Lake, spine: str | None = None) -> list[Feature]:
    """The features in the table's order, each with type, description and input columns."""
    with lake.reader() as cursor:
        return list(load_plan(spec, cursor, spine).features)


def create_table(cursor: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Create the version's table, laid out by month, unless it exists; in the open transaction."""
    table = table_name(plan)
    if table_exists(cursor, table):
        return
    columns = ", ".join(f"{quote(name)} {kind}" for name, kind in result_types(plan).items())
    cursor.execute(f"CREATE TABLE {qualified(table)} ({columns})")
    cursor.execute(
        f"ALTER TABLE {qualified(table)} SET PARTITIONED BY (year(event_time), month(event_time))"
    )


def is_current(cursor: duckdb.DuckDBPyConnection, plan: Plan) -> bool:
    """Whether the set's view shows this version."""
    view = view_name(plan.spec, plan.spine.name)
    row = cursor.execute(
        "SELECT sql FROM duckdb_views() "
        "WHERE database_name = ? AND schema_name = ? AND view_name = ?",
        [CATALOG, *view.parts],
    ).fetchone()
    return row is not None and table_name(plan).name in row[0]


def make_current(cursor: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Point the set's view at this version; in the open transaction."""
    if not is_current(cursor, plan):
        view = qualified(view_name(plan.spec, plan.spine.name))
        cursor.execute(f"CREATE OR REPLACE VIEW {view} AS FROM {qualified(table_name(plan))}")
