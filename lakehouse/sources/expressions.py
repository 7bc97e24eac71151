"""Checks what an expression of a contract uses, by its parsed tree rather than its text.

`checking.py` checks whether it compiles.
"""

import json
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import duckdb

from lakehouse.lake import literal

if TYPE_CHECKING:
    from lakehouse.sources.contract import Column, Contract

_WILDCARDS = {
    "STAR": "`*` or COLUMNS",
    "POSITIONAL_REFERENCE": "a column by its number",
    "SUBQUERY": "a subquery",
}
UNSTABLE = frozenset(
    {
        *("age", "current_date", "now", "today", "transaction_timestamp", "random", "setseed"),
        *("get_current_time", "get_current_timestamp", "uuid", "uuidv4", "uuidv7"),
        *("gen_random_uuid", "current_connection_id", "current_database", "current_query"),
        *("current_query_id", "current_schema", "current_schemas", "current_transaction_id"),
        *("txid_current", "currval", "nextval", "in_search_path"),
        *("error", "sleep_ms", "stats", "write_log"),
    }
)
"""Functions whose value changes when raw is built again; `age` counts from today."""
_WRAPPERS = {"CAST": "child", "COLLATE": "child"}


def check_expressions(contract: "Contract") -> None:
    """Refuse expressions that would leak personal data into the lake, or give other values each
    time.

    Raises:
        ValueError: for a second column that reads a personal one, and for an expression that refers
            to one without a `reveals` that describes what it discloses, that copies it, or that
            could refer to it without naming it.
    """
    _refuse_second_readers(contract)
    personal = {column.name.lower(): column.name for column in contract.personal}
    declared = {column.name.lower() for column in contract.read}
    for column in contract.expressions:
        tree = _parse(column)
        _refuse_unstable(column, tree, declared)
        used = {personal[name] for name in _references(tree) if name in personal}
        if column.reveals and not used:
            raise ValueError(
                f"{column.name} declares `reveals`, but reads no personal column; remove `reveals`"
            )
        if not personal:
            continue
        _refuse_wildcards(column, tree)
        if used and not column.reveals:
            raise ValueError(
                f"{column.name} is computed from {', '.join(sorted(used))}, which is personal: "
                "describe in `reveals` what it discloses (`reveals: year of birth only`), or "
                "remove the column"
            )
        if used and _is_copy(tree):
            raise ValueError(
                f"{column.name} is a copy of {', '.join(used)}, which no `reveals` permits: if the "
                "lake may store the values, remove `pii` from that column"
            )


def _refuse_second_readers(contract: "Contract") -> None:
    # JSON keys are matched in any case
    personal = {column.origin.lower(): column.name for column in contract.personal}
    for column in contract.read:
        if not column.pii and column.origin.lower() in personal:
            raise ValueError(
                f"{column.name} reads {column.origin}, which {personal[column.origin.lower()]} "
                "declares personal: give it the same `pii`, or remove it"
            )


def _refuse_wildcards(column: "Column", tree: Any) -> None:
    """Refuse references that may mean any column, or a whole row."""
    for node in _nodes(tree):
        if node.get("class") in _WILDCARDS:
            raise ValueError(
                f"expression {column.expression!r} of {column.name} uses "
                f"{_WILDCARDS[node['class']]}, which could include personal data: name the "
                "columns that it reads"
            )


def _refuse_unstable(column: "Column", tree: Any, declared: Collection[str]) -> None:
    """Refuse what does not depend on the row alone: a rebuilt table would differ."""
    functions = {str(node.get("function_name", "")).lower() for node in _nodes(tree)}
    if changing := functions & UNSTABLE:
        raise ValueError(
            f"expression {column.expression!r} of {column.name} calls "
            f"{', '.join(sorted(changing))}, whose result differs each time: compute the column "
            "from the row's own values"
        )
    lambda_parameters = {
        name
        for node in _nodes(tree)
        if node.get("class") == "LAMBDA"
        for name in _references(node["lhs"])
    }
    if unknown := {*_references(tree)} - {*declared} - lambda_parameters:
        raise ValueError(
            f"expression {column.expression!r} of {column.name} refers to "
            f"{', '.join(sorted(unknown))}; only columns that the contract declares may be used, "
            "by their unqualified names"
        )


def _parse(column: "Column") -> Any:
    """The syntax tree of one expression."""
    with duckdb.connect(":memory:") as connection:
        # a bound parameter would import pandas, and this runs wherever the graph is loaded
        query = literal(f"SELECT ({column.expression}\n)")
        row = connection.execute(f"SELECT json_serialize_sql({query}::VARCHAR)").fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    statements = parsed.get("statements", [])
    selected = statements[0]["node"]["select_list"] if len(statements) == 1 else []
    if parsed["error"] or len(selected) != 1:
        why = parsed.get("error_message", "it is not one expression")
        raise ValueError(f"expression {column.expression!r} of {column.name}: {why}")
    return selected[0]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _references(tree: Any) -> Iterator[str]:
    """The first names of all references, in lower case, as DuckDB compares them."""
    for node in _nodes(tree):
        if node.get("class") == "COLUMN_REF":
            yield node["column_names"][0].lower()


def _is_copy(tree: Any) -> bool:
    while tree["class"] in _WRAPPERS:
        tree = tree[_WRAPPERS[tree["class"]]]
    return bool(tree["class"] == "COLUMN_REF")
