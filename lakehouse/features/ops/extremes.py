"""`min` and `max`: the smallest and the largest value."""

from typing import Any

from lakehouse.features.ops.operation import Aggregate, Operation, Rows
from lakehouse.features.ops.sql import Columns


class Minimum(Operation[Any]):
    """The smallest value."""

    name = "min"
    summary = "the smallest value"
    needs = ("value",)
    kind = None

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"min({columns.value}){modifier}"

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

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"max({columns.value}){modifier}"

    def prepare(self, rows: Rows) -> Any:
        return max(value for _, value in rows)

    def merge(self, one: Any, other: Any) -> Any:
        return max(one, other)
