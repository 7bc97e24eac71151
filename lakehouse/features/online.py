"""Features of one request in plain Python: what serving uses, and the judge of the SQL.

The same plan, so the same values to the bit. Where the rows come from is the caller's business.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from lakehouse.features.compile import Aggregate, Attribute, Plan

Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def online(plan: Plan, request: Row, rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Feature values, by name in the plan's order, of one request.

    Args:
        plan: The compiled set.
        request: The spine row: the entity, the time and the `row.` columns.
        rows: By table, rows of its streams and dimensions; those of other entities and those that
            cannot count are ignored, so more may be given than is needed.
    """
    t, entity = _microseconds(request[plan.spine.time]), request[plan.entity]
    values: dict[str, Any] = {"t": _plain(request[plan.spine.time])}
    values |= {f"row.{column}": _plain(request[column]) for column in plan.row_columns}
    mine: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
    for part in plan.parts:
        time = part.time if isinstance(part, Attribute) else "known_at"
        if (part.table, time) not in mine:
            mine[part.table, time] = [
                (_microseconds(row[time]), {name: _plain(value) for name, value in row.items()})
                for row in rows.get(part.table, ())
                if entity is not None and row[plan.entity] == entity
            ]
        seen = mine[part.table, time]
        if isinstance(part, Attribute):
            values[part.name] = _attribute(part, t, seen)
        else:
            window = [(k, row) for k, row in seen if 0 < t - k < part.micros]
            values[part.name] = _aggregate(part, t, window)
    return {feature.name: feature.term.run(values) for feature in plan.features}


def _aggregate(a: Aggregate, t: int, window: Sequence[tuple[int, Row]]) -> Any:
    where = a.where
    matching = [(k, row) for k, row in window if where is None or where.run(row) is True]
    if a.op == "count_since":
        last = max((k for k, _ in matching), default=None)
        return None if last is None else sum(k > last for k, _ in window)
    if a.value is not None:
        matching = [(k, row) for k, row in matching if row[a.value] is not None]
        return _of_values(a, [(k, row[a.value]) for k, row in matching])
    times = [k for k, _ in matching]
    match a.op:
        case "count":
            return len(times)
        case "since_last":
            return t - max(times) if times else None
        case _:
            return t - min(times) if times else None


def _of_values(a: Aggregate, known: Sequence[tuple[int, Any]]) -> Any:
    values = [value for _, value in known]
    if not values:
        return a.empty
    if a.q is not None:
        return sorted(values)[math.ceil(len(values) * Fraction(a.q)) - 1]
    functions: dict[str, Callable[[], Any]] = {
        "sum": lambda: sum(values),
        "sumsq": lambda: sum(value * value for value in values),
        "min": lambda: min(values),
        "max": lambda: max(values),
        "distinct": lambda: len(set(values)),
        "last": lambda: max(known)[1],
    }
    return functions[a.op]()


def _attribute(a: Attribute, t: int, versions: Sequence[tuple[int, Row]]) -> Any:
    times = [k for k, _ in versions]
    before = [k for k in times if k < t]
    if before or (a.assumed and times):
        chosen = max(before) if before else min(times)
        values = [row[a.column] for k, row in versions if k == chosen]
        return max((value for value in values if value is not None), default=None)
    return None


def _plain(value: Any) -> Any:
    """A value as expressions know it: naive UTC times, NaN is missing, and only one zero."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, float):
        return None if math.isnan(value) else value + 0.0
    return value


def _microseconds(time: datetime) -> int:
    micros: int = (_plain(time) - _EPOCH) // _MICROSECOND
    return micros
