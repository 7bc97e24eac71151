"""The time up to which a source is complete with a file, from the file's name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import Field, field_serializer, field_validator, model_validator

from lakehouse.declarations.durations import Duration, format_duration, parse_duration
from lakehouse.declarations.part import FieldError, Part
from lakehouse.sources.landing.files import SEAL_FORMAT
from lakehouse.sources.local_times import LocalTimes

_TICK = timedelta(microseconds=1)
_STAMP = re.compile(r"(?:^|/)(\d{8}T\d{12}Z)")
_YEAR_MONTH = r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<mark>{marks})(?P<month>0[1-9]|1[0-2])"
_CLOCK = r"(?P<hour>[01]\d|2[0-3])(?P<colon>[-_:.]?)(?P<minute>[0-5]\d)"
_SECOND = r"(?P=colon)(?P<second>[0-5]\d)"
_DAY = re.compile(
    _YEAR_MONTH.format(marks="[-_./]?")
    + rf"(?P=mark)(?P<day>\d\d)(?:[T_ -]?{_CLOCK}{_SECOND}(?P<utc>Z)?)?(?!\d)"
)
_MONTH = re.compile(_YEAR_MONTH.format(marks="[-_/]") + r"(?!\d)(?!(?P=mark)\d)")
_FOLDERS = re.compile(
    r"(?:^|/)year=(?P<year>\d{4})/month=(?P<month>\d{1,2})(?:/day=(?P<day>\d{1,2}))?(?=/|$)"
)


@dataclass(frozen=True)
class Seal:
    """A seal (UTC, naive, inclusive). `assumed` describes its origin, if nobody declared it."""

    time: datetime
    assumed: str = ""


class SealPattern(Part):
    """How a file's name gives the time up to which the source is complete with it.

    Without a `regex`, a name that starts with a time like `20260525T235959999999Z` has it as its
    seal. In any other name the last day or month (2026-05-25, 20260525, 2026/05/25, 2026-05,
    year=2026/month=5) counts until its end, and a day with a time (20260525T101500) until then. The
    seal of a name without any is the time at which the file landed.
    """

    regex: str = Field(
        default="",
        description="Searched in the path below the source's folder; its first group has the time. "
        "A file that it does not match is set aside",
    )
    strptime: str = Field(
        default=SEAL_FORMAT,
        description="Format of that time, in the source's `timezone`, or in UTC if it ends in Z",
    )
    offset: timedelta | Literal["day", "month"] = Field(
        default=timedelta(),
        description="Added to that time; `day` and `month` mean the end of its day or month",
    )
    furthest: Duration = Field(
        default=timedelta(days=365),
        description="A file whose seal is this much or more ahead of every other input is set "
        "aside: a wrong year in a name would otherwise hold back everything for that long",
    )

    @field_validator("regex")
    @classmethod
    def _one_group(cls, regex: str) -> str:
        try:
            groups = re.compile(regex).groups
        except re.error as error:
            raise ValueError(f"{regex!r} is not a regular expression: {error}") from None
        if regex and groups < 1:
            raise ValueError(f"{regex!r} has no group; put the time into parentheses")
        return regex

    @field_validator("offset", mode="before")
    @classmethod
    def _parsed(cls, offset: Any) -> Any:
        is_text = isinstance(offset, str) and offset not in ("day", "month")
        return parse_duration(offset) if is_text else offset

    @field_serializer("offset")
    def _written(self, offset: timedelta | str) -> str:
        return format_duration(offset) if isinstance(offset, timedelta) else offset

    @model_validator(mode="after")
    def _complete(self) -> Self:
        defaults = {"strptime": SEAL_FORMAT, "offset": timedelta()}
        for name, default in defaults.items():
            if not self.regex and getattr(self, name) != default:
                raise FieldError(f"`{name}` needs a `regex` that finds the time in a name", name)
        return self

    def read(self, name: str, zone: LocalTimes | None = None) -> Seal | None:
        """The seal in `name`, or None if there is none. Times without a zone are in `zone`."""
        try:
            return self._declared(name, zone) if self.regex else _usual(name, zone)
        except (ValueError, OverflowError):
            return None

    def allows_arrival(self, name: str) -> bool:
        """Whether a file of this name, which has no seal, is sealed by the time at which it landed.

        A name that must have a time, or has a misspelled one, is a mistake.
        """
        return not self.regex and not _STAMP.search(name)

    def _declared(self, name: str, zone: LocalTimes | None) -> Seal | None:
        match = re.search(self.regex, name)
        if match is None:
            return None
        moment = datetime.strptime(match[1], self.strptime)
        if moment.tzinfo is not None:
            moment, zone = moment.astimezone(UTC).replace(tzinfo=None), None
        elif self.strptime.endswith("Z"):
            zone = None
        moment = (
            moment + self.offset
            if isinstance(self.offset, timedelta)
            else _end(moment, is_month=self.offset == "month")
        )
        return Seal(zone.latest(moment) if zone else moment)


def _usual(name: str, zone: LocalTimes | None) -> Seal | None:
    """The last time in a name of one of the usual forms."""
    if stamp := _STAMP.search(name):
        return Seal(datetime.strptime(stamp[1], SEAL_FORMAT))
    for pattern in (_DAY, _FOLDERS, _MONTH):
        if found := list(_times(pattern, name, zone)):
            return max(found, key=lambda seal: seal.time)
    return None


def _times(pattern: re.Pattern[str], name: str, zone: LocalTimes | None) -> Iterator[Seal]:
    for match in pattern.finditer(name):
        part = {key: int(text) for key, text in match.groupdict().items() if (text or "").isdigit()}
        try:
            start = datetime(part["year"], part["month"], part.get("day", 1))
        except ValueError:  # 2026-02-30 is a number, not a day
            continue
        if "hour" in part:
            moment = start.replace(hour=part["hour"], minute=part["minute"], second=part["second"])
            meaning = "the time"
        else:
            moment = _end(start, is_month="day" not in part)
            meaning = "the end of the day" if "day" in part else "the end of the month"
        local = zone if not match.groupdict().get("utc") else None
        yield Seal(
            local.latest(moment) if local else moment,
            f"{meaning} in its name, {match[0].strip('/')} ({local.zone if local else 'UTC'})",
        )


def _end(moment: datetime, *, is_month: bool) -> datetime:
    """The last microsecond of the day or month of `moment`."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if not is_month:
        return day + timedelta(days=1) - _TICK
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - _TICK
