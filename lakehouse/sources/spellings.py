"""Rewrites one spelling of a value in plain form, with Python's `decimal`, `datetime`, `zoneinfo`.

The result is None if the text is not exactly such a value.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lakehouse.sources.local_times import LocalTimes

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_DATE = r"(?P<year>[0-9]{4})(?P<mark>[-/])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})"
_TIME = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.(?P<part>[0-9]+))?)?"
_OFFSET = (
    r"(?P<sign>[+-])(?P<hours>[0-9]{2})(:?(?P<minutes>[0-5][0-9])(:?(?P<seconds>[0-5][0-9]))?)?"
)
_ZONE = r"Z|UTC|GMT|[A-Za-z_]+/[A-Za-z0-9_/+-]+"
_MOMENT = re.compile(rf"{_DATE}([T ] *{_TIME} *({_OFFSET}|(?P<zone>{_ZONE}))?)?")
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), "true"),
    **dict.fromkeys(("false", "f", "no", "n", "0"), "false"),
}


def boolean(text: str) -> str | None:
    """`true` or `false`, from the usual words and digits."""
    return _WORDS.get(text.lower())


def number(text: str, scale: int = 0, *, from_float: bool = False) -> str | None:
    """All digits written out, with no more than `scale` decimal places.

    `from_float`: a difference within 1e-4 of the last place counts as noise of binary floats.
    """
    if not _NUMBER.fullmatch(text):
        return None
    exact = Decimal(text)
    if from_float:
        near = Decimal(repr(round(float(text), scale)))
        if abs(float(text) - float(near)) < 10 ** -(scale + 4):
            exact = near
    whole, _, places = format(exact, "f").partition(".")
    places = places.rstrip("0")
    return None if len(places) > scale else f"{whole}.{places}" if places else whole


def double(text: str) -> str | None:
    """The nearest double; None if that is infinite, or 0 for a number that is not 0."""
    if not _NUMBER.fullmatch(text):
        return None
    nearest = float(text)
    return None if nearest == 0 and Decimal(text) != 0 else repr(nearest)


def day(text: str) -> str | None:
    """A day, or its midnight in UTC."""
    match = _MOMENT.fullmatch(text)
    moment = timestamp(text)
    if match is None or moment is None or match["zone"] not in (None, "Z", "UTC", "GMT"):
        return None
    is_elsewhere = any(int(match[name] or 0) for name in ("hours", "minutes", "seconds"))
    return None if is_elsewhere or not moment.endswith(" 00:00:00") else moment[:10]


def timestamp(text: str, zone: LocalTimes | None = None) -> str | None:
    """In UTC; None for more than microseconds, or a time that a clock change skips or repeats.

    A text without a zone or an offset is a time in `zone`.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    part = (match["part"] or "").rstrip("0")
    if len(part) > 6:
        return None
    try:
        day = date(*(int(match[name]) for name in ("year", "month", "day")))
        hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
        moment = datetime(
            day.year, day.month, day.day, hour, minute, second, int(part.ljust(6, "0"))
        )
        return str(_in_utc(moment, match, zone))
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
        return None


def _in_utc(moment: datetime, match: re.Match[str], zone: LocalTimes | None) -> datetime:
    if match["sign"]:
        east = timedelta(
            **{name: int(match[name] or 0) for name in ("hours", "minutes", "seconds")}
        )
        if east >= timedelta(days=1):
            raise ValueError(f"{east} is not a valid offset of a zone")
        return moment - east if match["sign"] == "+" else moment + east
    if match["zone"] is None and zone is not None:
        return zone.in_utc(moment)
    if match["zone"] in (None, "Z", "UTC", "GMT"):
        return moment
    local = moment.replace(tzinfo=ZoneInfo(match["zone"]))
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError(f"{local} occurs twice, or never")
    return local.astimezone(UTC).replace(tzinfo=None)
