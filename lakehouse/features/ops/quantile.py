"""`quantile`: the smallest value with at least the share `q` of the values at or below it."""

import math
from fractions import Fraction
from typing import Any

from lakehouse.features.expressions import NUMBERS
from lakehouse.features.ops.operation import Aggregate, Operation, Rows
from lakehouse.features.ops.sql import Columns


class Quantile(Operation[list[Any]]):
    """The discrete quantile: always one of the values."""

    name = "quantile"
    summary = "the smallest value with at least the share `q` of the values at or below it"
    needs = ("value", "q")
    accepted_kinds = tuple(NUMBERS)
    restriction = "needs numbers"
    kind = None

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"quantile_disc({columns.value}, {a.q}){modifier}"

    def prepare(self, rows: Rows) -> list[Any]:
        return sorted(value for _, value in rows)

    def merge(self, one: list[Any], other: list[Any]) -> list[Any]:
        return sorted(one + other)

    def finalize(self, part: list[Any], a: Aggregate, t: int) -> Any:
        assert a.q is not None
        return part[math.ceil(len(part) * Fraction(a.q)) - 1]
