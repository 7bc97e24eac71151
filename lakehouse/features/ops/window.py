"""The length of a window: where it starts for a time t, or for many."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from lakehouse.declarations.durations import Months, longest, microseconds
from lakehouse.features.kernel import Ints

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Window:
    """A window of a fixed length or of calendar months, whose start depends on t.

    A row counts if `start < known_at < t`. Times are microseconds since 1970 (UTC).
    """

    length: timedelta | Months

    @property
    def identity(self) -> int | str:
        """What a version is hashed from."""
        if isinstance(self.length, Months):
            return f"{self.length.count}mo"
        return microseconds(self.length)

    @property
    def longest(self) -> int:
        """The greatest length, in microseconds."""
        return microseconds(longest(self.length))

    def start(self, t: int) -> int:
        """The time after which rows count at time `t`."""
        if isinstance(self.length, Months):
            time = self.length.before(_EPOCH + timedelta(microseconds=t))
            return microseconds(time - _EPOCH)
        return t - microseconds(self.length)

    def starts(self, t: Ints) -> Ints:
        """`start` of each time; the smallest integer where it would be earlier."""
        if isinstance(self.length, Months):
            return _months_before(t, self.length.count)
        length = microseconds(self.length)
        return np.maximum(t, np.iinfo(np.int64).min + length) - length


def _months_before(t: Ints, count: int) -> Ints:
    times = t.view("M8[us]")
    months = times.astype("M8[M]")
    earlier = months - count
    last_day = (earlier + 1).astype("M8[D]") - np.timedelta64(1, "D") - earlier.astype("M8[D]")
    day, time_of_day = np.divmod(times - months.astype("M8[us]"), np.timedelta64(1, "D"))
    day_of_month = np.minimum(day * np.timedelta64(1, "D"), last_day)
    starts: Ints = (earlier.astype("M8[us]") + day_of_month + time_of_day).view(np.int64)
    return starts
