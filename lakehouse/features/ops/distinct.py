"""`distinct`: the number of different values."""

from typing import Any

from lakehouse.features.ops.operation import Aggregate, Operation, Rows
from lakehouse.features.ops.sql import Columns


class Distinct(Operation[frozenset[Any]]):
    """The number of different values."""

    name = "distinct"
    summary = "the number of different values"
    needs = ("value",)
    empty = 0

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"count(DISTINCT {columns.value}){modifier}"

    def prepare(self, rows: Rows) -> frozenset[Any]:
        return frozenset(value for _, value in rows)

    def merge(self, one: frozenset[Any], other: frozenset[Any]) -> frozenset[Any]:
        return one | other

    def finalize(self, part: frozenset[Any], a: Aggregate, t: int) -> int:
        return len(part)
