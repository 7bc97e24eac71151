"""Computes the features of one request in plain Python: used in serving, and to verify the SQL.

It uses the same plan as SQL, so its values are bit-identical. Callers provide the rows.
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


def compute_online(plan: Plan, request: Row, rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Feature values of one request, by name in the plan's order.

    Args:
        plan: The compiled set.
        request: The spine row: the entity, the time and the columns `plan.row_columns`.
        rows: By table, rows of its streams and dimensions. Rows of other entities and rows that
            cannot count are ignored, so a superset is allowed.

    Raises:
        FeatureError: when a total, or a deviation computed from it, does not fit its type.
    """
    try:
        return _compute(plan, request, rows)
    except FeatureError as error:
        raise FeatureError(f"feature set {plan.spec.name}: {error}") from None


def _compute(plan: Plan, request: Row, rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    t = _microseconds(request[plan.spine.time])
    values: dict[str, Any] = {"t": _plain(request[plan.spine.time])}
    values |= {f"row.{column}": _plain(request[column]) for column in plan.row_columns}
    found: dict[tuple[str, ...], list[tuple[int, dict[str, Any]]]] = {}
    for part in plan.parts:
        time, key, by = "known_at", plan.entity, plan.entity
        if isinstance(part, Attribute):
            time, key, by = part.time, part.key, part.by
        if (part.table, time, key, by) not in found:
            wanted = _plain(request[by])
            found[part.table, time, key, by] = [
                (_microseconds(row[time]), {name: _plain(value) for name, value in row.items()})
                for row in rows.get(part.table, ())
                if wanted is not None and _plain(row[key]) == wanted
            ]
        known_rows = found[part.table, time, key, by]
        if isinstance(part, Attribute):
            values[part.name] = _attribute(part, t, known_rows)
        else:
            start = part.window.start(t)
            window = [(k, row) for k, row in known_rows if start < k < t]
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
    """A value in the form that expressions use: naive UTC times, None for NaN, 0.0 for -0.0."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, float):
        return None if math.isnan(value) else value + 0.0
    return value


def _microseconds(time: datetime) -> int:
    micros: int = (_plain(time) - _EPOCH) // _MICROSECOND
    return micros
