"""Totals of integers: `count`, `sum` and `sumsq`. Only these can be undone."""

from typing import ClassVar

import numpy as np

from lakehouse.features.expressions import FeatureError, Kind
from lakehouse.features.kernel import totals
from lakehouse.features.ops.lane import Lane, Result
from lakehouse.features.ops.operation import Aggregate, Operation, Rows

_MINOR_UNITS = (
    "is exact over integers only: give it minor units (amount_cents), or count with `where`"
)
OVERFLOW_REMEDY = "leave out placeholders of missing values with `where`"
"""The fix for a total that does not fit."""


class Total(Operation[int]):
    """An exact total of whole numbers; rows can be taken out of it again."""

    empty = 0
    bits: ClassVar[int] = 64
    """The size of the result; a total beyond it is an error, never another number."""

    def merge(self, one: int, other: int) -> int:
        return one + other

    def undo(self, whole: int, part: int) -> int:
        """The part of the rows in `whole` that are not in `part`."""
        return whole - part

    def finalize(self, part: int, a: Aggregate, t: int) -> int:
        if not -(2 ** (self.bits - 1)) <= part < 2 ** (self.bits - 1):
            raise FeatureError(
                f"aggregate {a.name}: the {self.name} of {a.value} is {part}, which does not fit "
                f"in {self.bits} bits; {OVERFLOW_REMEDY}"
            )
        return part


class Count(Total):
    """The number of rows."""

    name = "count"
    summary = "the number of rows"

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        lo, hi = lane.window(a.window)
        return hi - lo, None

    def prepare(self, rows: Rows) -> int:
        return len(rows)


class Sum(Total):
    """The sum of the values."""

    name = "sum"
    summary = "the sum of the values, exact"
    needs = ("value",)
    accepted_kinds = (Kind.INTEGER,)
    restriction = _MINOR_UNITS

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        high, low = totals(*lane.window(a.window), lane.values, 1)
        if not np.array_equal(high, low >> 63):
            raise OverflowError(f"a sum of {a.value} does not fit in 64 bits")
        return low, None

    def prepare(self, rows: Rows) -> int:
        return sum(value for _, value in rows)


class SumOfSquares(Total):
    """The sum of the squares of the values, for `std`."""

    name = "sumsq"
    summary = "the sum of the squares of the values, exact; only for `std(squares, total, n)`"
    needs = ("value",)
    accepted_kinds = (Kind.INTEGER,)
    restriction = _MINOR_UNITS
    kind = Kind.WIDE
    bits = 128

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        return np.stack(totals(*lane.window(a.window), lane.values, 2)), None

    def prepare(self, rows: Rows) -> int:
        return sum(value * value for _, value in rows)
