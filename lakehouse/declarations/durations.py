"""Durations as people write them in YAML: `7d`, `36h`, `1d12h`, `90s`, and months: `1mo`."""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    GetPydanticSchema,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from lakehouse.errors import LakehouseError

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "us": timedelta(microseconds=1),
}
_PART = re.compile(r"(\d+)(us|[dhms])")
_MONTHS = re.compile(r"(\d{1,3})mo")


class DurationError(LakehouseError, ValueError):
    """A text that is not a duration."""


def parse_duration(text: str) -> timedelta:
    """The duration written in `text`, exact to the microsecond; parts add up (`1d12h`).

    Raises:
        DurationError: when `text` is anything else.
    """
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise DurationError(f"{text!r} is not a duration; write one like 7d, 36h, 15m or 1d12h")
    try:
        return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except (OverflowError, ValueError):  # ValueError: thousands of digits
        raise DurationError(f"{text[:20]!r} is too long; write a shorter duration") from None


@dataclass(frozen=True)
class Months:
    """A number of calendar months: 28 to 31 days each, depending on the time they are counted from.

    The day and the time of day stay, or else become the last day of a shorter month: a month after
    31 January is 28 or 29 February, as in PostgreSQL and DuckDB.
    """

    count: int

    def after(self, time: datetime) -> datetime:
        """The time that is these months later."""
        return self._moved(time, self.count)

    def before(self, time: datetime) -> datetime:
        """The time that is these months earlier."""
        return self._moved(time, -self.count)

    @staticmethod
    def _moved(time: datetime, months: int) -> datetime:
        year, month = divmod(time.year * 12 + time.month - 1 + months, 12)
        last_day = calendar.monthrange(year, month + 1)[1]
        return time.replace(year=year, month=month + 1, day=min(time.day, last_day))


def parse_period(text: str) -> timedelta | Months:
    """The duration or the calendar months (`1mo`, `12mo`) written in `text`.

    Raises:
        DurationError: when `text` is anything else, or a duration and months at the same time.
    """
    if match := _MONTHS.fullmatch(text):
        return Months(int(match[1]))
    try:
        return parse_duration(text)
    except DurationError as error:
        months = "; calendar months are written 1mo, and not combined with other units"
        raise DurationError(f"{error}{months}") from None


def longest(period: timedelta | Months) -> timedelta:
    """The longest time that `period` can be: 31 days for a month."""
    return period.count * timedelta(days=31) if isinstance(period, Months) else period


def format_period(period: timedelta | Months) -> str:
    """The shortest text that `parse_period` reads back as `period`."""
    return f"{period.count}mo" if isinstance(period, Months) else format_duration(period)


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as `duration`."""
    rest, text = duration, ""
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def microseconds(duration: timedelta) -> int:
    """`duration` in whole microseconds."""
    return duration // timedelta(microseconds=1)


def _coerce(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta, BeforeValidator(_coerce), PlainSerializer(format_duration, return_type=str)
]
"""A pydantic field read from and written as duration text."""


def _validate_period(value: Any, validate: ValidatorFunctionWrapHandler) -> timedelta | Months:
    period = parse_period(value) if isinstance(value, str) else value
    if isinstance(period, Months):
        return period
    duration: timedelta = validate(period)
    return duration


Period = Annotated[
    timedelta | Months,
    GetPydanticSchema(lambda _, handler: handler(timedelta)),  # errors as those of a duration
    WrapValidator(_validate_period),
    PlainSerializer(format_period, return_type=str),
]
"""A pydantic field like `Duration` that may also be calendar months."""
