"""Features of one request in plain Python: what serving uses, and the judge of the SQL.

The same plan, so the same values to the bit. Where the rows come from is the caller's business.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.features.compile import Attribute, Plan
from lakehouse.features.expressions import FeatureError
from lakehouse.features.ops import Aggregate

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

    Raises:
        FeatureError: when a total, or a deviation made of it, does not fit its type.
    """
    try:
        return _compute(plan, request, rows)
    except FeatureError as error:
        raise FeatureError(f"feature set {plan.spec.name}: {error}") from None


def _compute(plan: Plan, request: Row, rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
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
    where, value = a.where, a.value
    if a.op.marks:
        rows = [(k, where is None or where.run(row) is True) for k, row in window]
        return a.op.compute(rows, a, t)
    if where is not None:
        window = [(k, row) for k, row in window if where.run(row) is True]
    if value is None:
        return a.op.compute([(k, None) for k, _ in window], a, t)
    return a.op.compute([(k, row[value]) for k, row in window if row[value] is not None], a, t)


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
