"""`since_last` and `since_first`: the time since rows became known."""

from lakehouse.features.ops.lane import Lane, Result, at
from lakehouse.features.ops.operation import Aggregate, Operation, Rows


class SinceLast(Operation[int]):
    """The time from the last row to t."""

    name = "since_last"
    summary = "microseconds from the last row to t"

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        first, end = lane.window(a.window)
        return lane.t - at(lane.times, end - 1), end > first

    def prepare(self, rows: Rows) -> int:
        return max(k for k, _ in rows)

    def merge(self, one: int, other: int) -> int:
        return max(one, other)

    def finalize(self, part: int, a: Aggregate, t: int) -> int:
        return t - part


class SinceFirst(Operation[int]):
    """The time from the first row of the window to t."""

    name = "since_first"
    summary = "microseconds from the first row in the window to t"

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        first, end = lane.window(a.window)
        return lane.t - at(lane.times, first), end > first

    def prepare(self, rows: Rows) -> int:
        return min(k for k, _ in rows)

    def merge(self, one: int, other: int) -> int:
        return min(one, other)

    def finalize(self, part: int, a: Aggregate, t: int) -> int:
        return t - part
