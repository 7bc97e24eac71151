"""Whether a text is one query that only reads tables, checked on its parsed tree.

An allowlist: every kind of node, function and table location that is not known to be harmless is
refused.
"""

import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from lakehouse.errors import LakehouseError
from lakehouse.lake.door.functions import LAKE_FUNCTIONS, TABLE_FUNCTIONS
from lakehouse.lake.layout import RAW
from lakehouse.lake.names import CATALOG

_SPACE = r"(?>\s|--[^\n]*\n|/\*.*?\*/)"  # atomic, so that it matches in one way only
_EXPLAIN = re.compile(
    rf"{_SPACE}*+explain{_SPACE}++(?P<analyze>analyze{_SPACE}++)?", re.IGNORECASE | re.DOTALL
)
_SELECT = duckdb.StatementType.SELECT
_NODES = frozenset(
    {
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "RECURSIVE_CTE_NODE",
        "BASE_TABLE",
        "SUBQUERY",
        "JOIN",
        "TABLE_FUNCTION",
        "EMPTY",
        "EXPRESSION_LIST",
        "PIVOT",
        "SHOW_REF",
        "ORDER_MODIFIER",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "DISTINCT_MODIFIER",
        "ORDER_DEFAULT",
        "ASCENDING",
        "DESCENDING",
    }
)
"""Parts of a query: what it selects from, and the order."""
_EXPRESSIONS = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "OPERATOR",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "WINDOW",
    }
)
_SHOWN = frozenset({"", '"tables"', "__show_tables_expanded"})
_CATALOG_VIEWS = frozenset({"tables", "columns", "schemata"})
"""Views of `information_schema` that list what is in the lake."""
_TABLE_FUNCTIONS = {("", name) for name in TABLE_FUNCTIONS} | {
    (CATALOG, name) for name in LAKE_FUNCTIONS
}
_SEE_TABLES = "; see `lakehouse tables`"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Refused(LakehouseError):
    """SQL that does more than read tables of the lake, or that is not a query."""


@dataclass(frozen=True)
class Allowed:
    """What queries may name: `schemas` of the lake and scalar `functions`, in lower case."""

    schemas: frozenset[str]
    functions: frozenset[str]


def read_only_statement(connection: duckdb.DuckDBPyConnection, text: str, allowed: Allowed) -> str:
    """Return the one statement in `text` if it only reads tables of the lake; execute nothing.

    Raises:
        Refused: naming what is not allowed, and what is.
    """
    explain = _EXPLAIN.match(text)
    query = text[explain.end() :] if explain else text
    _walk(_tree(connection, query), allowed)
    if not explain:
        return query
    # rebuilt, so that DuckDB explains exactly the checked query
    return f"EXPLAIN {'ANALYZE ' if explain['analyze'] else ''}{query}"


def _tree(connection: duckdb.DuckDBPyConnection, text: str) -> Mapping[str, Any]:
    """The parsed query as DuckDB serializes it."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Refused("the SQL contains a NUL or an incomplete character; remove it")
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise Refused(f"cannot read the SQL: {error}") from error
    if not statements:
        example = f'"FROM {RAW.table("customers")} LIMIT 5"'
        raise Refused(f"there is no query; write one, such as {example}")
    if any(statement.type != _SELECT for statement in statements):
        kinds = {s.type for s in statements}
        if len(statements) > 1 and kinds == {duckdb.StatementType.CREATE, _SELECT}:
            raise Refused("name the values of the PIVOT: PIVOT ... ON column IN ('a', 'b')")
        kind = next(s.type.name for s in statements if s.type != _SELECT)
        raise Refused(f"{kind} is refused: the lake is read-only here; write SELECT or EXPLAIN")
    if len(statements) > 1:
        raise Refused(f"write one statement at a time; these are {len(statements)}")
    serialized = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0]
    found = json.loads(serialized)
    if found["error"] or len(found["statements"]) != 1:
        problem = found.get("error_message", "it is not one statement")
        raise Refused(f"cannot determine what this statement would do: {problem}")
    node: Mapping[str, Any] = found["statements"][0]["node"]
    return node


def _walk(tree: Mapping[str, Any], allowed: Allowed) -> None:
    """Refuse the first part that is not allowed. Iterative, because a query may nest deeply."""
    pending: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, names = pending.pop()
        if isinstance(node, list):
            pending += [(part, names) for part in node]
        elif isinstance(node, dict):
            _check_node(node, names, allowed)
            pending += _parts(node, names)


def _parts(node: Mapping[str, Any], names: frozenset[str]) -> Iterator[tuple[Any, frozenset[str]]]:
    """The parts of a node, each with the names of the subqueries (WITH) that are in scope."""
    if node.get("type") == "RECURSIVE_CTE_NODE":
        names |= {_folded(node["cte_name"])}
    for subquery in node.get("cte_map", {}).get("map", ()):
        yield subquery["value"], names  # earlier subqueries are in scope, not itself
        names |= {_folded(subquery["key"])}
    for key, part in node.items():
        if key == "function" and node.get("type") == "TABLE_FUNCTION":
            part = {name: value for name, value in part.items() if name != "function_name"}
        if key != "cte_map":
            yield part, names


def _check_node(node: Mapping[str, Any], names: frozenset[str], allowed: Allowed) -> None:
    kind = node.get("type")
    if "class" in node:
        _require_known(node["class"], _EXPRESSIONS)
    elif isinstance(kind, str) and not kind.endswith("_TYPE_INFO"):
        _require_known(kind, _NODES)
    if kind == "BASE_TABLE":
        _check_table(node, names, allowed)
    elif kind == "SHOW_REF":
        _check_show(node, allowed)
    elif kind == "TABLE_FUNCTION":
        _check_table_function(node["function"])
    elif "function_name" in node:
        _check_function(node, allowed)


def _require_known(kind: str, known: frozenset[str]) -> None:
    if kind not in known:
        raise Refused(f"{kind} is refused: it is not known to be read-only")


def _check_table(node: Mapping[str, Any], names: frozenset[str], allowed: Allowed) -> None:
    written = [node[f"{part}_name"] for part in ("catalog", "schema", "table")]
    catalog, schema, table = map(_folded, written)
    if not catalog and not schema and table in names:
        return
    if catalog in ("", CATALOG):
        if schema in allowed.schemas:
            return
        if schema == "information_schema" and table in _CATALOG_VIEWS:
            return
    name = ".".join(filter(None, written))
    raise Refused(f"{name} is not a table of the lake, whose names are schema.table{_SEE_TABLES}")


def _check_show(node: Mapping[str, Any], allowed: Allowed) -> None:
    catalog, schema, shown = (
        _folded(node[name]) for name in ("catalog_name", "schema_name", "table_name")
    )
    if catalog not in ("", CATALOG) or schema not in allowed.schemas | {"", CATALOG}:
        raise Refused(f"{node['schema_name']} is not a schema of the lake{_SEE_TABLES}")
    if shown not in _SHOWN:
        raise Refused(f"SHOW {shown} is refused; write SHOW ALL TABLES, DESCRIBE or SUMMARIZE")


def _check_table_function(function: Mapping[str, Any]) -> None:
    catalog, schema, name = (
        _folded(function[part]) for part in ("catalog", "schema", "function_name")
    )
    if not catalog and (schema, name) in _TABLE_FUNCTIONS:
        return
    known = ", ".join(sorted(TABLE_FUNCTIONS | {f"{CATALOG}.{name}" for name in LAKE_FUNCTIONS}))
    raise Refused(f"the table function {function['function_name']} is refused; allowed are {known}")


def _check_function(node: Mapping[str, Any], allowed: Allowed) -> None:
    plain = not node.get("catalog") and _folded(node["schema"]) in ("", "main")
    if not plain or _folded(node["function_name"]) not in allowed.functions:
        name = ".".join(filter(None, (node["schema"], node["function_name"])))
        raise Refused(f"the function {name} is refused: it is unknown, or does more than compute")


def _folded(name: str) -> str:
    """`name` as DuckDB compares names: only ASCII letters ignore case."""
    return name.translate(_LOWER)
