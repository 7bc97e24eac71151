"""`distinct`: the number of different values."""

from typing import Any

from lakehouse.features.kernel import ranks_of_repetitions
from lakehouse.features.ops.lane import Lane, Result
from lakehouse.features.ops.operation import Aggregate, Operation, Rows


class Distinct(Operation[frozenset[Any]]):
    """The number of different values."""

    name = "distinct"
    summary = "the number of different values"
    needs = ("value",)
    empty = 0

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        first, end = lane.window(a.window)
        ranks = lane.keep(
            self.name, lambda: ranks_of_repetitions(lane.start, lane.values, lane.order())
        )
        # a value counts where it did not occur before in the window
        return ranks.count_below(first, end, first - lane.origin() + 1), None

    def prepare(self, rows: Rows) -> frozenset[Any]:
        return frozenset(value for _, value in rows)

    def merge(self, one: frozenset[Any], other: frozenset[Any]) -> frozenset[Any]:
        return one | other

    def finalize(self, part: frozenset[Any], a: Aggregate, t: int) -> int:
        return len(part)
