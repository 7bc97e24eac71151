"""Totals of integers: `count`, `sum` and `sumsq`. Only these can be undone."""

from abc import abstractmethod
from typing import ClassVar

from lakehouse.features.expressions import FeatureError, Kind
from lakehouse.features.ops.operation import Aggregate, Rows
from lakehouse.features.ops.running import RunningOperation
from lakehouse.features.ops.sql import Columns, Frames, Lookups

_MINOR_UNITS = (
    "is exact over integers only: give it minor units (amount_cents), or count with `where`"
)
OVERFLOW_REMEDY = "leave out placeholders of missing values with `where`"
"""The fix for a total that does not fit."""


class Total(RunningOperation[int]):
    """An exact total: a window's total is the running total at t minus that at its start."""

    empty = 0
    bits: ClassVar[int] = 64
    """The size of the result; a total beyond it is an error, never another number."""

    @abstractmethod
    def total(self, value: str) -> str:
        """SQL: the aggregate function of the column `value`."""

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"CAST({self.total(columns.value)}{modifier} AS {self.kind})"

    def frame(self, a: Aggregate, columns: Columns, frames: Frames) -> str:
        # a look-up for each window is cheaper than a sum for each
        r = frames.add(f"coalesce({self.total(columns.value)}{frames.over(columns)}_before, 0)")
        return f"CAST(_r.{r} - (first_value(_r) OVER _first{a.window.name}).{r} AS {self.kind})"

    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        r = lookups.add(self.total(columns.value), columns.condition)
        start = lookups.join(f"w{a.window.name}", f"<= {a.window.start_sql('p.t')}")
        return f"CAST(coalesce(a.{r}, 0) - coalesce({start}.{r}, 0) AS {self.kind})"

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

    def total(self, value: str) -> str:
        return "count(*)"

    def prepare(self, rows: Rows) -> int:
        return len(rows)


class Sum(Total):
    """The sum of the values."""

    name = "sum"
    summary = "the sum of the values, exact"
    needs = ("value",)
    accepted_kinds = (Kind.INTEGER,)
    restriction = _MINOR_UNITS

    def total(self, value: str) -> str:
        return f"sum({value})"

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

    def total(self, value: str) -> str:
        return f"sum(CAST({value} AS HUGEINT) * {value})"

    def prepare(self, rows: Rows) -> int:
        return sum(value * value for _, value in rows)
