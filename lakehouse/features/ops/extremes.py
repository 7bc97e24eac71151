"""`min` and `max`: the smallest and the largest value."""

from typing import Any

from lakehouse.features.kernel import greatest_in
from lakehouse.features.ops.lane import Lane, Result
from lakehouse.features.ops.operation import Aggregate, Operation, Rows


class Minimum(Operation[Any]):
    """The smallest value."""

    name = "min"
    summary = "the smallest value"
    needs = ("value",)
    kind = None

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        first, end = lane.window(a.window)
        return ~greatest_in(first, end, ~lane.values), end > first

    def prepare(self, rows: Rows) -> Any:
        return min(value for _, value in rows)

    def merge(self, one: Any, other: Any) -> Any:
        return min(one, other)


class Maximum(Operation[Any]):
    """The largest value."""

    name = "max"
    summary = "the largest value"
    needs = ("value",)
    kind = None

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        first, end = lane.window(a.window)
        return greatest_in(first, end, lane.values), end > first

    def prepare(self, rows: Rows) -> Any:
        return max(value for _, value in rows)

    def merge(self, one: Any, other: Any) -> Any:
        return max(one, other)
