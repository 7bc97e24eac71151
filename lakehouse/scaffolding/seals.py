"""How the names of files give the time up to which the source is complete.

A name with a day or a time says it. Another name does not: its file is landed under the end of the
day of its newest row, which the rows themselves say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from lakehouse.declarations.durations import format_duration
from lakehouse.sources.landing import seal_name
from lakehouse.sources.landing.files import SEAL_FORMAT
from lakehouse.sources.seals import SealPattern

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
_EARLIEST, _LATEST = 1970, 2100
_PATTERNS: tuple[tuple[str, str, timedelta | Literal["day"]], ...] = (
    (r"(?:^|/)(\d{8}T\d{12}Z)", "%Y%m%dT%H%M%S%fZ", timedelta()),
    (r"(?<!\d)(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})(?!\d)", "%Y-%m-%dT%H-%M-%S", timedelta()),
    (r"(?<!\d)(\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2})(?!\d)", "%Y-%m-%d_%H-%M-%S", timedelta()),
    (r"(?<!\d)(\d{8}T\d{6})(?!\d)", "%Y%m%dT%H%M%S", timedelta()),
    (r"(?<!\d)(\d{8}[_-]\d{6})(?!\d)", "%Y%m%d_%H%M%S", timedelta()),
    (r"(?<!\d)(\d{14})(?!\d)", "%Y%m%d%H%M%S", timedelta()),
    (r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)", "%Y-%m-%d", "day"),
    (r"(?<!\d)(\d{4}_\d{2}_\d{2})(?!\d)", "%Y_%m_%d", "day"),
    (r"(?<!\d)(\d{4}/\d{2}/\d{2})(?!\d)", "%Y/%m/%d", "day"),
    (r"(?<!\d)(\d{8})(?!\d)", "%Y%m%d", "day"),
)


@dataclass(frozen=True)
class Seals:
    """The pattern to declare (None: the default one), and the name of each file when it lands."""

    pattern: SealPattern | None
    names: tuple[str, ...]
    seals: tuple[datetime, ...]
    sentences: tuple[str, ...]

    def declaration(self) -> dict[str, str]:
        """The fields of `seal_pattern`."""
        if self.pattern is None:
            return {}
        fields = {"regex": self.pattern.regex, "strptime": self.pattern.strptime}
        offset = self.pattern.offset
        if not offset:
            return fields
        written = format_duration(offset) if isinstance(offset, timedelta) else offset
        return fields | {"offset": written}


def find_seals(
    names: Sequence[str],
    newest: Sequence[datetime | None],
    written: Sequence[datetime],
) -> Seals:
    """The seals of files called `names`.

    `newest` is the latest time in each file's rows, if any, and `written` when it was last changed
    (both UTC).
    """
    for regex, strptime, offset in _PATTERNS:
        pattern = SealPattern(regex=regex, strptime=strptime, offset=offset)
        seals = [seal.time for name in names if (seal := pattern.read(name))]
        found = [seal for seal in seals if _EARLIEST <= seal.year < _LATEST]
        if len(found) < len(names):
            continue
        what = "day" if offset else "time"
        sentences = [
            f"the {what} in a file's name is its seal: {names[0]} is complete to {found[0]}"
        ]
        late = sum(new is not None and new > seal for new, seal in zip(newest, found, strict=True))
        if late:
            sentences.append(
                f"{late} of {len(names)} files have rows later than the {what} in their name; "
                "those count as known at the seal: check whether the name means something else"
            )
        declared = None if strptime == SEAL_FORMAT else pattern
        return Seals(declared, tuple(names), tuple(found), tuple(sentences))
    return _by_rows(names, newest, written)


def _by_rows(
    names: Sequence[str],
    newest: Sequence[datetime | None],
    written: Sequence[datetime],
) -> Seals:
    seals = [
        moment if new is None else _end_of_day(new, moment)
        for new, moment in zip(newest, written, strict=True)
    ]
    landed = tuple(
        seal_name(seal, f"_{_safe(name)}") for name, seal in zip(names, seals, strict=True)
    )
    why = "the end of the day of its newest row" if newest[0] else "when it was last written"
    sentences = [
        f"{names[0]} has no day in its name: it is landed as {landed[0]}, complete to {why}; name "
        "later files alike, by the time up to which each is complete"
    ]
    if len(set(seals)) < len(seals):
        sentences.append(
            "several files end on the same day: the rows of all but the first count as known from "
            "the end of that day on; if they are parts of one delivery, make one file of them"
        )
    return Seals(None, landed, tuple(seals), tuple(sentences))


def _end_of_day(newest: datetime, written: datetime) -> datetime:
    """The end of the newest row's day, or when the file was written if it was written that day."""
    end = datetime(newest.year, newest.month, newest.day) + (DAY - TICK)
    return min(end, written) if written >= newest else end


def _safe(name: str) -> str:
    """A file's name without folders, and without letters that not every storage has."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("/", "_")).strip("_") or "rows"
