"""The reference implementation: features exactly by the rules, in slow plain Python."""

from datetime import timedelta
from typing import Any

Row = dict[str, Any]


def reference(
    rows: list[Row], entity: str, entity_id: Any, t: Any, op: str, window: timedelta,
    value: str | None = None, where: Any = None, q: tuple[int, int] = (1, 2),
) -> Any:  # fmt: skip
    """One aggregate of one request; `where` is a Python function, `q` a fraction."""
    zero = timedelta(0)
    in_window = [
        r
        for r in rows
        if entity_id is not None and r[entity] == entity_id and zero < t - r["known_at"] < window
    ]
    matching = [
        r
        for r in in_window
        if (where is None or where(r)) and (value is None or r[value] is not None)
    ]
    times, values = [r["known_at"] for r in matching], [r[value] for r in matching if value]
    micros = timedelta(microseconds=1)
    if op in ("count", "sum", "sumsq", "distinct"):
        parts = {"count": len(matching), "sum": sum, "sumsq": lambda v: sum(x * x for x in v)}
        parts["distinct"] = lambda v: len(set(v))
        return parts[op] if op == "count" else parts[op](values)  # type: ignore[operator]
    if not matching:
        return None
    if op == "quantile":
        return next(
            x for x in sorted(values) if sum(y <= x for y in values) * q[1] >= q[0] * len(values)
        )
    if op == "count_since":
        return sum(r["known_at"] > max(times) for r in in_window)
    return {
        "min": lambda: min(values),
        "max": lambda: max(values),
        "last": lambda: max(r[value] for r in matching if r["known_at"] == max(times)),
        "since_last": lambda: (t - max(times)) // micros,
        "since_first": lambda: (t - min(times)) // micros,
    }[op]()
