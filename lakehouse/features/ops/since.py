"""`since_last` and `since_first`: the time since rows became known."""

from lakehouse.features.ops.operation import Aggregate, Rows
from lakehouse.features.ops.running import RunningOperation
from lakehouse.features.ops.sql import Columns, Lookups


class SinceLast(RunningOperation[int]):
    """The time from the last row to t."""

    name = "since_last"
    summary = "microseconds from the last row to t"

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"p.t - max(_k){modifier}"

    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        r = lookups.add("max(_k)", columns.condition)
        return f"CASE WHEN a.{r} > {a.window.start_sql('p.t')} THEN p.t - a.{r} END"

    def prepare(self, rows: Rows) -> int:
        return max(k for k, _ in rows)

    def merge(self, one: int, other: int) -> int:
        return max(one, other)

    def finalize(self, part: int, a: Aggregate, t: int) -> int:
        return t - part


class SinceFirst(RunningOperation[int]):
    """The time from the first row of the window to t."""

    name = "since_first"
    summary = "microseconds from the first row in the window to t"

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        return f"p.t - min(_k){modifier}"

    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        table = lookups.values(columns)
        start = a.window.start_sql("p.t")
        row = lookups.join(f"f{table}_{a.window.name}", f"> {start}", table)
        return f"CASE WHEN {row}._k < p.t THEN p.t - {row}._k END"

    def prepare(self, rows: Rows) -> int:
        return min(k for k, _ in rows)

    def merge(self, one: int, other: int) -> int:
        return min(one, other)

    def finalize(self, part: int, a: Aggregate, t: int) -> int:
        return t - part
