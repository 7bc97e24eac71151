"""`last`: the value that became known last."""

from typing import Any

from lakehouse.features.kernel import greatest_of_ties
from lakehouse.features.ops.lane import Lane, Result, at
from lakehouse.features.ops.operation import Aggregate, Operation, Rows


class Last(Operation[tuple[int, Any]]):
    """The value with the latest known_at; ties go to the largest value."""

    name = "last"
    summary = "the value with the latest known_at; ties go to the largest value"
    needs = ("value",)
    kind = None

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        first, end = lane.window(a.window)
        values = lane.keep(self.name, lambda: greatest_of_ties(lane.start, lane.times, lane.values))
        return at(values, end - 1), end > first

    def prepare(self, rows: Rows) -> tuple[int, Any]:
        return max(rows)

    def merge(self, one: tuple[int, Any], other: tuple[int, Any]) -> tuple[int, Any]:
        return max(one, other)

    def finalize(self, part: tuple[int, Any], a: Aggregate, t: int) -> Any:
        return part[1]
