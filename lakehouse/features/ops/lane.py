"""What operations compute from: the rows that one value and one condition leave, and windows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from lakehouse.features import kernel
from lakehouse.features.kernel import Bools, Ints
from lakehouse.features.ops.window import Window

T = TypeVar("T")

Result = tuple[Ints, Bools | None]
"""A value for each asking row, and where there is one (None: everywhere). Values of 128 bits have
two rows: the upper halves and the lower halves."""


@dataclass(frozen=True, eq=False)
class Lane:
    """Rows that count, and the rows that ask, both in groups and sorted by time within a group.

    `asking` and `start` are the groups of the asking rows and of the lane's rows, as in `kernel`;
    `t` and `times` are microseconds.
    """

    asking: Ints
    t: Ints
    start: Ints
    times: Ints
    values: Ints
    """The codes of the values; the times if the operation takes no value."""
    unfiltered: "Lane | None" = None
    """The rows without the condition, if there is one."""
    _kept: dict[Any, Any] = field(default_factory=dict)

    def keep(self, name: Any, make: Callable[[], T]) -> T:
        """What `make` makes, made once for all aggregates of this lane."""
        if name not in self._kept:
            self._kept[name] = make()
        kept: T = self._kept[name]
        return kept

    def window(self, window: Window) -> tuple[Ints, Ints]:
        """For each asking row the range of rows that count: `start < time < t`."""
        return self._after(window), self._after(None)

    def _after(self, window: Window | None) -> Ints:
        def find() -> Ints:
            bounds = window.starts(self.t) if window else self.t - 1
            return kernel.first_after(self.asking, bounds, self.start, self.times)

        return self.keep(window, find)

    def origin(self) -> Ints:
        """For each asking row the first row of its group."""
        return self.keep("origin", lambda: self.start[kernel.groups_of(self.asking)])

    def order(self) -> Ints:
        """The rows of each group in ascending order of their values."""
        return self.keep("order", lambda: kernel.order_of_values(self.start, self.values))


def at(values: Ints, positions: Ints) -> Ints:
    """`values[positions]`; any value where the position does not exist."""
    if not values.size:
        return np.zeros(positions.shape, np.int64)
    return values.take(positions, mode="clip")
