"""`count_since`: the number of rows after the last marked one."""

from lakehouse.features.ops.operation import Aggregate, Rows
from lakehouse.features.ops.running import RunningOperation
from lakehouse.features.ops.sql import Columns, Lookups

_Part = tuple[int | None, list[int]]
"""The last marked time, and the times of all rows."""


class CountSince(RunningOperation[_Part]):
    """The number of rows known later than the last marked one."""

    name = "count_since"
    summary = "rows known later than the last one that meets `where`; NULL if there is none"
    needs = ("where",)
    marks = True

    def aggregate(self, a: Aggregate, columns: Columns, modifier: str) -> str:
        marked = f"CASE WHEN {columns.condition} THEN _rn END"
        return f"max(_rn){modifier} - max({marked}){modifier}"

    def look_up(self, a: Aggregate, columns: Columns, lookups: Lookups) -> str:
        k = lookups.add("max(_k)", columns.condition)
        marked = lookups.add("max(_rn)", columns.condition)
        r = lookups.add("max(_rn)")
        return f"CASE WHEN a.{k} > {a.window.start_sql('p.t')} THEN a.{r} - a.{marked} END"

    def prepare(self, rows: Rows) -> _Part:
        return max((k for k, marked in rows if marked), default=None), [k for k, _ in rows]

    def merge(self, one: _Part, other: _Part) -> _Part:
        marked = [last for last, _ in (one, other) if last is not None]
        return max(marked, default=None), one[1] + other[1]

    def finalize(self, part: _Part, a: Aggregate, t: int) -> int | None:
        last, times = part
        return None if last is None else sum(k > last for k in times)
