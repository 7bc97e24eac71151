"""The DuckDB functions that a user query may call.

Pure functions come from DuckDB's own catalog, except those listed here. The version of DuckDB is
pinned; a test lists the functions that another version adds.
"""

import re

import duckdb

PURE = "CONSISTENT"
PARSER_OPERATORS = frozenset({"unnest", "count_star"})
"""What the parser treats as functions; `unnest` also produces rows in a SELECT list."""

VOLATILE = frozenset(
    {
        "current_date",
        "error",
        "gen_random_uuid",
        "get_current_time",
        "get_current_timestamp",
        "now",
        "random",
        "today",
        "transaction_timestamp",
        "uuid",
        "uuidv4",
        "uuidv7",
    }
)
"""Not pure, but harmless: clocks, random numbers, and raising an error."""

ENGINE_INTERNALS = frozenset(
    {
        "current_setting",  # settings contain keys
        "getvariable",
        "json_deserialize_sql",
        "json_serialize_plan",  # binds any statement, and so opens its files
        "json_serialize_sql",
        "parse_duckdb_log_message",
    }
)
"""DuckDB declares these pure, but they read more than the tables."""

MACROS = re.compile(
    r"ago|(array|list)_\w+|date_add|days_in_month|f(div|mod)|geo(mean|metric_mean)|json|"
    r"json_group_(array|object|structure)|map_contains_(entry|value)|md5_number_(lower|upper)|"
    r"nullif|pg_typeof|regexp_split_to_table|round(_even|bankers)|split_part|w(avg|eighted_avg)"
)
"""DuckDB's own macros that only compute."""

TABLE_FUNCTIONS = frozenset(
    {
        "ducklake_table_changes",
        "generate_series",
        "json_each",
        "json_tree",
        "range",
        "repeat",
        "repeat_row",
        "unnest",
    }
)
"""Table functions of their arguments alone, and the change feed of a lake table."""

LAKE_FUNCTIONS = frozenset(
    {"current_snapshot", "last_committed_snapshot", "snapshots", "table_info"}
)
"""DuckLake's own functions, such as `lake.snapshots()`. The others delete files or reveal paths."""


def scalar_functions(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Lower-case names of the scalar and aggregate functions and macros that are allowed."""
    rows = connection.execute(
        "SELECT lower(function_name), function_type, "
        "bool_and(stability = ? AND NOT has_side_effects) FROM duckdb_functions() "
        "WHERE internal AND function_type IN ('scalar', 'aggregate', 'macro') GROUP BY ALL",
        [PURE],
    ).fetchall()
    found = {
        name for name, kind, pure in rows if (MACROS.fullmatch(name) if kind == "macro" else pure)
    }
    return frozenset(found | VOLATILE | PARSER_OPERATORS) - ENGINE_INTERNALS
