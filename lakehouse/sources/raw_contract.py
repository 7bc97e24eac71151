"""The contract under which a raw table was built, stored with it, and how today's contract differs.

A change that the rows in raw do not allow, such as another type or name, is a migration: it is
refused here, and `rebuilding.py` carries it out from the landed files.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from lakehouse.lake import fetch_value, literal, qualified, quote, read_columns, table_exists
from lakehouse.lake.layout import CONTRACTS
from lakehouse.sources.contract import SYSTEM_COLUMNS, Column
from lakehouse.sources.spec import SourceSpec

SYSTEM_TYPES = ("VARCHAR", "BIGINT", "BIGINT", "TIMESTAMP", "TIMESTAMP")
_DERIVATION = ("origin", "type", "pii", "expression")
_BOUNDS = ("values", "minimum", "maximum")


def terms(spec: SourceSpec) -> dict[str, Any]:
    """The parts of the contract that decide how rows look in raw, ready for JSON."""
    contract = spec.contract
    columns = {
        column.name: {
            "origin": column.origin,
            "type": column.type,
            "pii": column.pii,
            "expression": column.expression,
            "required": contract.is_required(column),
            "values": list(column.values),
            "minimum": column.minimum,
            "maximum": column.maximum,
        }
        for column in contract.columns
    }
    return {
        "columns": columns,
        "key": list(contract.key),
        "declared_time": contract.declared_time,
        "on_change": contract.on_change,
        **({"timezone": _zone(spec)} if spec.timezone else {}),
    }


def _zone(spec: SourceSpec) -> str:
    choice = "" if spec.clock_change == "reject" else f" ({spec.clock_change})"
    return spec.timezone + choice


def read_terms(cursor: duckdb.DuckDBPyConnection, source: str) -> dict[str, Any] | None:
    """The terms under which `raw.<source>` was last built; None if no load has stored any."""
    if not table_exists(cursor, CONTRACTS):
        return None
    row = cursor.execute(
        f"SELECT terms FROM {qualified(CONTRACTS)} WHERE source = ?", [source]
    ).fetchone()
    found: dict[str, Any] | None = json.loads(row[0]) if row else None
    return found


def write_terms(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> None:
    """Store today's terms in the open transaction."""
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(CONTRACTS)} (source VARCHAR, terms VARCHAR)"
    )
    cursor.execute(f"DELETE FROM {qualified(CONTRACTS)} WHERE source = ?", [spec.name])
    cursor.execute(
        f"INSERT INTO {qualified(CONTRACTS)} VALUES (?, ?)", [spec.name, json.dumps(terms(spec))]
    )


def declared_columns(spec: SourceSpec) -> dict[str, str]:
    """The columns of the raw table by the contract, with their types, in order."""
    columns = {column.name: column.raw_type for column in spec.contract.stored}
    return columns | dict(zip(SYSTEM_COLUMNS, SYSTEM_TYPES, strict=True))


def breaking_changes(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[str]:
    """The changes of today's contract that the rows in raw do not allow, one clause each.

    A raw table without rows allows every change.
    """
    present = read_columns(cursor, spec.table)
    if not present or not has_rows(cursor, spec):
        return []
    stored = read_terms(cursor, spec.name)
    return [*_column_changes(spec, present, stored), *_term_changes(cursor, spec, present, stored)]


def has_rows(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> bool:
    """Whether the raw table, which must exist, has any rows."""
    query = f"SELECT EXISTS (SELECT 1 FROM {qualified(spec.table)})"
    return bool(fetch_value(cursor, query))


def _column_changes(
    spec: SourceSpec, present: Mapping[str, str], stored: Mapping[str, Any] | None
) -> Iterator[str]:
    """Columns that only raw or only the contract has, or that have different types."""
    expected = declared_columns(spec)
    for name, type in expected.items():
        if present.get(name, type) != type:
            yield f"{name} is {present[name]} in the lake but {type} in the contract"
    for name, type in present.items():
        if name not in expected and not _is_still_filled(spec, name, type, stored):
            yield f"{name} is in the lake but no longer in the contract"
    for column in spec.contract.stored:
        if column.name in present:
            continue
        if column.expression:
            yield f"{column.name} is new, and not yet computed for the rows in the lake"
        elif spec.contract.is_required(column):
            yield f"{column.name} is new and may not be NULL, and the rows in the lake have none"


def _is_still_filled(
    spec: SourceSpec, name: str, type: str, stored: Mapping[str, Any] | None
) -> bool:
    """Whether an undeclared column is still filled from the source's column of that name."""
    if spec.contract.on_change != "evolve" or type != "VARCHAR":
        return False
    before = stored["columns"].get(name) if stored else None
    return before is None or (before["origin"] == name and not before["expression"])


def _term_changes(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    present: Mapping[str, str],
    stored: Mapping[str, Any] | None,
) -> Iterator[str]:
    """Changed terms of the columns that raw has already."""
    now = terms(spec)
    for name in ("key", "declared_time", "timezone"):
        was_term, now_term = (stored or now).get(name), now.get(name)
        if was_term != now_term and not _is_only_wider(name, was_term, now_term):
            yield f"`{name}` was {_shown(was_term)} and is now {_shown(now_term)}"
    for column in spec.contract.columns:
        before: Any = stored["columns"].get(column.name) if stored else None
        if stored and before is None and column.name not in present:
            continue  # new; `_column_changes` reports it where it matters
        today, changed = now["columns"][column.name], False
        for part in _DERIVATION if before else ():
            was, now_is = _shown(before[part]), _shown(today[part])
            if was != now_is:
                changed = True
                if part != "type" or column.pii:  # other types already differ in the table
                    yield f"{part} of {column.name} was {was} and is now {now_is}"
        if not changed and present.get(column.name) == column.raw_type:
            yield from _broken_rows(cursor, spec, column, before)


def _is_only_wider(name: str, before: Any, now: Any) -> bool:
    """Whether a zone now has a choice for times that were quarantined before."""
    return name == "timezone" and bool(before) and str(now).startswith(f"{before} (")


def _broken_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    column: Column,
    before: Mapping[str, Any] | None,
) -> Iterator[str]:
    """Rows in raw that a new term of a column would have rejected."""
    contract, name = spec.contract, quote(column.name)
    conditions: dict[str, str] = {}
    if contract.is_required(column) and not (before and before["required"]):
        missing = f"{name} IS NULL"
        if contract.has_deletes and column.name not in contract.key:
            missing += f" AND {quote('op')} IS DISTINCT FROM 'delete'"
        conditions[f"{column.name} may not be NULL"] = missing
    today = terms(spec)["columns"][column.name]
    if before and any(before[part] != today[part] for part in _BOUNDS):
        if column.pii:
            conditions[f"{column.name} has new bounds, which cannot be checked on tokens"] = "true"
        else:
            conditions[f"{column.name} has new bounds"] = _out_of_bounds(column)
    for violation, condition in conditions.items():
        query = f"SELECT count(*) FROM {qualified(spec.table)} WHERE {condition}"
        if rows := fetch_value(cursor, query):
            yield f"{violation}, and {rows:,} rows in the lake do not comply"


def _out_of_bounds(column: Column) -> str:
    name, conditions = quote(column.name), ["false"]
    if column.values:
        values = ", ".join(map(literal, column.values))
        conditions.append(f"CAST({name} AS VARCHAR) NOT IN ({values})")
    for bound, sign in ((column.minimum, "<"), (column.maximum, ">")):
        if bound is not None:
            conditions.append(f"{name} {sign} CAST({literal(str(bound))} AS {column.type})")
    return " OR ".join(f"coalesce({condition}, false)" for condition in conditions)


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "none")
