"""Durations as people write them in YAML: `7d`, `36h`, `1d12h`, `90s`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from lakehouse.errors import LakehouseError

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "us": timedelta(microseconds=1),
}
_PART = re.compile(r"(\d+)(us|[dhms])")


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
