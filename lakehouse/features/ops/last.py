"""`last`: the value that became known last."""

from typing import Any

from lakehouse.features.ops.operation import Aggregate, Rows
from lakehouse.features.ops.running import RunningOperation
from lakehouse.features.ops.sql import Columns, Frames, Lookups


class Last(RunningOperation[tuple[int, Any]]):
    """The value with the latest known_at; ties go to the largest value."""

    name = "last"
    summary = "the value with the latest known_at; ties go to the largest value"
    needs = ("value",)
    kind = None

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        v = columns.value
        # a struct orders by its first field, then by its second: the largest of equal times
        return f"(max(CASE WHEN {v} IS NOT NULL THEN {{'k': _k, 'v': {v}}} END){modifier}).v"

    def frame(self, a: Aggregate, columns: Columns, frames: Frames) -> str:
        r = frames.add(f"max({columns.value}){frames.over(columns)}_peers")
        return f"last_value(_r.{r} IGNORE NULLS) OVER _w{a.window.name}"

    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        table = lookups.values(columns)
        row = lookups.join(f"l{table}", "< p.t", table)
        return f"CASE WHEN {row}._k > {a.window.start_sql('p.t')} THEN {row}.v END"

    def prepare(self, rows: Rows) -> tuple[int, Any]:
        return max(rows)

    def merge(self, one: tuple[int, Any], other: tuple[int, Any]) -> tuple[int, Any]:
        return max(one, other)

    def finalize(self, part: tuple[int, Any], a: Aggregate, t: int) -> Any:
        return part[1]
