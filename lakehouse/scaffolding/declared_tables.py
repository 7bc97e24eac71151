"""The tables that dbt declares: their columns with types, and what its tests say is a key."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.declarations.names import did_you_mean
from lakehouse.scaffolding.errors import ScaffoldingError

_ALIAS = re.compile(
    r"^(?!\s*\)|.*\b(?:from|join|with)\b).*\bas\s+([a-z_]\w*)\s*,?\s*$",
    re.MULTILINE | re.IGNORECASE,
)
"""A line of a SELECT that ends with the name of a column."""
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|\{#.*?#\}", re.DOTALL)
_UNIQUE = ("unique", "unique_recently")
_WHOLE_NUMBERS = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER"),
)
_SYNONYMS = {
    **dict.fromkeys(("INT", "INT4"), "INTEGER"),
    **dict.fromkeys(("INT8", "LONG"), "BIGINT"),
    **dict.fromkeys(("TEXT", "STRING", "CHAR"), "VARCHAR"),
    **dict.fromkeys(("BOOL", "LOGICAL"), "BOOLEAN"),
    **dict.fromkeys(("FLOAT8", "DOUBLE PRECISION"), "DOUBLE"),
    **dict.fromkeys(("FLOAT4", "REAL"), "FLOAT"),
    "DATETIME": "TIMESTAMP",
}

_NO_NAMES = frozenset({*_WHOLE_NUMBERS, *_SYNONYMS, *_SYNONYMS.values(), "DATE", "MATERIALIZED"})
"""What follows AS in a cast, or before a subquery."""


@dataclass(frozen=True)
class DeclaredColumn:
    """A column: its type in DuckDB's spelling, empty if none is declared.

    `is_required` is whether a constraint refuses NULL.
    """

    name: str
    type: str
    description: str = ""
    is_required: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is an integer, which alone has exact sums."""
        return self.type in _WHOLE_NUMBERS

    @property
    def is_number(self) -> bool:
        """Whether it is a number of any kind."""
        return self.is_whole or self.type in ("FLOAT", "DOUBLE") or self.is_decimal

    @property
    def is_decimal(self) -> bool:
        """Whether it is a decimal number, which features cannot read."""
        return self.type.startswith(("DECIMAL", "NUMERIC"))

    @property
    def is_id(self) -> bool:
        """Whether its name is that of an identifier, of which a sum means nothing."""
        return self.name == "id" or self.name.endswith(("_id", "_key", "_no", "_nr", "_code"))


@dataclass(frozen=True)
class DeclaredTable:
    """A table or view `schema.name`, made by dbt in a domain. `key` is empty if no test has one.

    `undeclared` are names that its SQL gives to columns and its YAML does not list, as far as the
    text shows them.
    """

    name: str
    domain: str
    columns: tuple[DeclaredColumn, ...]
    key: tuple[str, ...]
    undeclared: tuple[str, ...] = ()

    def column(self, name: str) -> DeclaredColumn:
        """The column called `name`.

        Raises:
            ScaffoldingError: when the table has none, or declares no type for it.
        """
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            known = [column.name for column in self.columns]
            raise ScaffoldingError(f"{self.name} has no column {name}{did_you_mean(name, known)}")
        if not found.type:
            raise ScaffoldingError(
                f"{self.name} declares no type for {name}; add its `data_type` in the YAML of the "
                "dbt model"
            )
        return found

    def require_key(self) -> str:
        """The one column that identifies a row, by the table's tests.

        Raises:
            ScaffoldingError: when no test says it, or only several columns do.
        """
        if len(self.key) != 1:
            found = f"only {', '.join(self.key)} together do" if self.key else "no test says so"
            raise ScaffoldingError(
                f"which column identifies a row of {self.name}? {found}; name it with --key, and "
                "add `lakehouse.unique_recently` to its tests"
            )
        return self.key[0]

    def has(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return any(column.name == name for column in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """The type of each column that has one."""
        return {column.name: column.type for column in self.columns if column.type}


def read_tables(manifest: Mapping[str, Any]) -> dict[str, DeclaredTable]:
    """The models of a dbt manifest by table, `schema.name`."""
    keys: dict[str, tuple[str, ...]] = {}
    for node in manifest["nodes"].values():
        for model, key in _keys(node):
            keys.setdefault(model, key)
    tables = [
        DeclaredTable(
            f"{node['schema']}.{node['alias']}",
            str(node["fqn"][1]) if len(node["fqn"]) > 2 else "",
            tuple(
                DeclaredColumn(
                    name,
                    _plain(column.get("data_type")),
                    column.get("description", ""),
                    any(one["type"] == "not_null" for one in column.get("constraints", ())),
                )
                for name, column in node["columns"].items()
            ),
            keys.get(unique_id, ()),
            tuple(name for name in _named(node["raw_code"]) if name not in node["columns"]),
        )
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    ]
    return {table.name: table for table in tables}


def find_table(tables: Mapping[str, DeclaredTable], name: str) -> DeclaredTable:
    """The table `schema.name`, or the only one called `name`.

    Raises:
        ScaffoldingError: when there is none, or it declares no columns.
    """
    if "." not in name:
        named = [table for table in tables if table.partition(".")[2] == name]
        name = named[0] if len(named) == 1 else name
    if name not in tables:
        raise ScaffoldingError(
            f"no dbt model makes {name}{did_you_mean(name, tables)}; make one with `lakehouse new "
            "table NAME --of stg_<source>`"
        )
    if not tables[name].columns:
        raise ScaffoldingError(
            f"{name} declares no columns; list them with their `data_type` in the YAML of the dbt "
            "model"
        )
    return tables[name]


def _keys(node: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The model that a test of uniqueness is of, and its columns."""
    test = node.get("test_metadata")
    if node["resource_type"] != "test" or not test or test["name"] not in _UNIQUE:
        return
    arguments = test.get("kwargs", {})
    columns = arguments.get("columns") or [arguments.get("column_name")]
    if node.get("attached_node") and all(columns):
        yield node["attached_node"], tuple(columns)


def _named(sql: str) -> list[str]:
    """The names that lines of a SELECT seem to give to their columns."""
    text = _COMMENT.sub("", sql)
    return [name for name in dict.fromkeys(_ALIAS.findall(text)) if name.upper() not in _NO_NAMES]


def _plain(kind: str | None) -> str:
    """DuckDB's own spelling of a type."""
    text = " ".join((kind or "").upper().split())
    return _SYNONYMS.get(text, text)
