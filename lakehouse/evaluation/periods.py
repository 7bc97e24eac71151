"""The periods in which alerts are counted: days, and weeks that begin on Mondays, in UTC.

The one place that knows how rows fall into periods and how a period is worded. Capacity, its
metrics, thresholds and checks ask it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeVar

import numpy as np

from lakehouse.evaluation.arrays import Ints

PeriodName = Literal["day", "week"]

_EPOCH_WEEKDAY = 3
"""1970-01-01, from which days are counted, was a Thursday: three days after its Monday."""

_Date = TypeVar("_Date", bound=date)


@dataclass(frozen=True)
class Period:
    """A period of `days` days; `name` is also what DuckDB's `date_trunc` calls it."""

    name: PeriodName
    days: int

    @property
    def length(self) -> timedelta:
        """How long a period is."""
        return timedelta(days=self.days)

    @property
    def rate(self) -> str:
        """`a day`, `a week`."""
        return f"a {self.name}"

    def of(self, day: Ints) -> Ints:
        """The number of the period of each day since 1970 (rows,); days keep their own number."""
        if self.days == 1:
            return day
        return np.asarray((day + _EPOCH_WEEKDAY) // self.days, dtype=np.int64)

    def floor(self, moment: _Date) -> _Date:
        """The same time on the first day of its period: a date, or a midnight."""
        return moment - timedelta(days=moment.weekday() if self.days > 1 else 0)

    def ceil(self, moment: _Date) -> _Date:
        """The first start of a period at or after a date, or a midnight."""
        floored = self.floor(moment)
        return floored if floored == moment else floored + self.length

    def start_sql(self, time: str) -> str:
        """SQL for the midnight at which the period of the TIMESTAMP `time` begins."""
        return f"date_trunc('{self.name}', {time})"


DAY, WEEK = Period("day", 1), Period("week", 7)
PERIODS = (DAY, WEEK)


def find_period(name: PeriodName) -> Period:
    """The period of this name."""
    return next(period for period in PERIODS if period.name == name)


def midnight(time: datetime) -> datetime:
    """The start of the day of `time`."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)
