"""`count_since`: the number of rows after the last marked one."""

from lakehouse.features.kernel import first_after
from lakehouse.features.ops.lane import Lane, Result, at
from lakehouse.features.ops.operation import Aggregate, Operation, Rows

_Part = tuple[int | None, list[int]]
"""The last marked time, and the times of all rows."""


class CountSince(Operation[_Part]):
    """The number of rows known later than the last marked one."""

    name = "count_since"
    summary = "rows known later than the last one that meets `where`; NULL if there is none"
    needs = ("where",)
    marks = True

    def evaluate(self, a: Aggregate, lane: Lane) -> Result:
        rows = lane.unfiltered
        assert rows is not None
        first, end = lane.window(a.window)
        # for each marked row the number of rows up to its time
        up_to = lane.keep(
            "up to", lambda: first_after(lane.start, lane.times, rows.start, rows.times)
        )
        return rows.window(a.window)[1] - at(up_to, end - 1), end > first

    def prepare(self, rows: Rows) -> _Part:
        return max((k for k, marked in rows if marked), default=None), [k for k, _ in rows]

    def merge(self, one: _Part, other: _Part) -> _Part:
        marked = [last for last, _ in (one, other) if last is not None]
        return max(marked, default=None), one[1] + other[1]

    def finalize(self, part: _Part, a: Aggregate, t: int) -> int | None:
        last, times = part
        return None if last is None else sum(k > last for k in times)
