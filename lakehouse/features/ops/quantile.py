"""`quantile`: the smallest value with at least the share `q` of the values at or below it."""

import math
from fractions import Fraction
from typing import Any

from lakehouse.features.expressions import NUMBERS
from lakehouse.features.kernel import quantile_ranks, ranks_of_values
from lakehouse.features.ops.lane import Lane, Result, at
from lakehouse.features.ops.operation import Aggregate, Operation, Rows


class Quantile(Operation[list[Any]]):
    """The discrete quantile: always one of the values."""

    name = "quantile"
    summary = "the smallest value with at least the share `q` of the values at or below it"
    needs = ("value", "q")
    accepted_kinds = tuple(NUMBERS)
    restriction = "needs numbers"
    kind = None

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        assert a.q is not None
        first, end = lane.window(a.window)
        ranks = lane.keep(self.name, lambda: ranks_of_values(lane.start, lane.order()))
        rank = ranks.smallest(first, end, quantile_ranks(end - first, Fraction(a.q)))
        return at(lane.values, at(lane.order(), lane.origin() + rank)), end > first

    def prepare(self, rows: Rows) -> list[Any]:
        return sorted(value for _, value in rows)

    def merge(self, one: list[Any], other: list[Any]) -> list[Any]:
        return sorted(one + other)

    def finalize(self, part: list[Any], a: Aggregate, t: int) -> Any:
        assert a.q is not None
        return part[math.ceil(len(part) * Fraction(a.q)) - 1]
