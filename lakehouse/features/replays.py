"""Verifies batch against online: recomputes rows of a feature table one by one, as serving does."""

import struct
from dataclasses import dataclass, field
from typing import Any

import duckdb

from lakehouse.features import versions
from lakehouse.features.compile import Attribute, Plan
from lakehouse.features.online import compute_online
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import Lake, qualified, quote, table_exists


@dataclass(frozen=True)
class Replay:
    """The number of rows and features compared, and each difference in words."""

    rows: int
    features: int
    differences: list[str] = field(default_factory=list)


def replay(spec: FeatureSetSpec, lake: Lake, *, spine: str | None = None, rows: int = 20) -> Replay:
    """Compute `rows` rows of the last load online, and compare them with the table bit by bit.

    The rows are chosen by a hash of their key. An empty table gives an empty comparison.
    """
    with lake.reader() as cursor:
        plan = versions.load_plan(spec, cursor, spine)
        table = versions.table_name(plan)
        if not table_exists(cursor, table):
            return Replay(0, 0)
        key = quote(plan.spine.key)
        stored = _fetch(
            cursor,
            f"SELECT * FROM {qualified(table)} "
            f"WHERE _load_id = (SELECT max(_load_id) FROM {qualified(table)}) "
            f"ORDER BY hash({key}), {key} LIMIT ?",
            [rows],
        )
        if not stored:
            return Replay(0, 0)
        requests = _fetch(
            cursor,
            f"SELECT {_columns(plan, plan.spine.table)} FROM {qualified(plan.spine.table)} "
            f"WHERE {key} IN (SELECT unnest(?))",
            [[row[plan.spine.key] for row in stored]],
        )
        inputs = {name: _inputs(cursor, plan, name, requests) for name in plan.inputs}
    by_key = {row[plan.spine.key]: row for row in requests}
    differences = [
        f"{plan.spine.key} {row[plan.spine.key]}: {name} is {row[name]!r} in the table "
        f"and {value!r} online"
        for row in stored
        for name, value in compute_online(plan, by_key[row[plan.spine.key]], inputs).items()
        if not same_bits(row[name], value)
    ]
    return Replay(len(stored), len(plan.features), differences)


def same_bits(one: Any, other: Any) -> bool:
    """Bitwise equality: 0.0 differs from -0.0, and NaN equals itself."""
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("d", one) == struct.pack("d", other)
    return bool(one == other)


def _inputs(
    cursor: duckdb.DuckDBPyConnection, plan: Plan, table: str, requests: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows of an input that may count for any of the requests."""
    keys = dict.fromkeys(
        (part.key, part.by) if isinstance(part, Attribute) else (plan.entity, plan.entity)
        for part in plan.parts
        if part.table == table
    )
    is_of_request = " OR ".join(f"{quote(key)} IN (SELECT unnest(?))" for key, _ in keys)
    query = f"SELECT {_columns(plan, table)} FROM {qualified(table)} WHERE ({is_of_request})"
    parameters: list[Any] = [[row[by] for row in requests if row[by] is not None] for _, by in keys]
    if not any(isinstance(part, Attribute) and part.table == table for part in plan.parts):
        times = [row[plan.spine.time] for row in requests]
        query += " AND known_at > ? AND known_at < ?"
        parameters += [min(times) - plan.spec.longest_window, max(times)]
    return _fetch(cursor, query, parameters)


def _columns(plan: Plan, table: str) -> str:
    return ", ".join(map(quote, plan.contract[table]))


def _fetch(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: list[Any]
) -> list[dict[str, Any]]:
    rows = cursor.execute(query, parameters).fetchall()
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in rows]
