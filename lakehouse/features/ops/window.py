"""The length of a window: where it starts for a time t, in SQL and in Python."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.declarations.durations import Months, longest, microseconds

_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Window:
    """A window of a fixed length or of calendar months, whose start depends on t.

    A row counts if `start < known_at < t`. Times are microseconds since 1970 (UTC).
    """

    length: timedelta | Months

    @property
    def name(self) -> str:
        """A part of SQL names: the microseconds, or `1mo`."""
        return str(self.identity)

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

    def start_sql(self, t: str) -> str:
        """SQL: `start` of the time `t`."""
        if isinstance(self.length, Months):
            return f"epoch_us(make_timestamp({t}) - INTERVAL {self.length.count} MONTH)"
        return f"{t} - {microseconds(self.length)}"

    def preceding_sql(self, t: str) -> str:
        """SQL: how far before `t` the first row may be, for a frame by RANGE."""
        if isinstance(self.length, Months):
            return f"({t} - {self.start_sql(t)} - 1)"
        return str(microseconds(self.length) - 1)
