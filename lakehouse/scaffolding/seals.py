"""How the names of files give the time up to which the source is complete.

A name may contain a day, a time or a month. If it does not, the rows decide: the file is landed
under the end of the day of its newest row, or the last moment before the rows of the next file.
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
_PATTERNS: tuple[tuple[str, str, timedelta | Literal["day", "month"]], ...] = (
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
    (r"(?<!\d)(\d{4}-\d{2})(?!\d|-\d)", "%Y-%m", "month"),
    (r"(?<!\d)(\d{4}_\d{2})(?!\d|_\d)", "%Y_%m", "month"),
    (r"(?<!\d)(\d{4}/\d{2})(?!\d|/\d)", "%Y/%m", "month"),
)


@dataclass(frozen=True)
class Span:
    """The first and the last time of a file's rows (UTC, naive)."""

    first: datetime
    last: datetime


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
    spans: Sequence[Span | None],
    written: Sequence[datetime],
) -> Seals:
    """The seals of files called `names`.

    `spans` are the times of each file's rows, if any, and `written` when it was last changed (UTC).
    A month counts only if it had ended when its file was written, and the rows are not later.
    """
    for regex, strptime, offset in _PATTERNS:
        pattern = SealPattern(regex=regex, strptime=strptime, offset=offset)
        seals = [seal.time for name in names if (seal := pattern.read(name))]
        found = [seal for seal in seals if _EARLIEST <= seal.year < _LATEST]
        if len(found) < len(names):
            continue
        what = offset if isinstance(offset, str) else "time"
        late = sum(
            span is not None and span.last > at for span, at in zip(spans, found, strict=True)
        )
        unfinished = any(at > moment for at, moment in zip(found, written, strict=True))
        if offset == "month" and (late or unfinished or not any(spans)):
            continue
        sentences = [
            f"the {what} in a file's name is its seal: {names[0]} is complete to {found[0]}"
        ]
        if late:
            sentences.append(
                f"{late} of {len(names)} files have rows later than the {what} in their name; "
                "those count as known at the seal: check whether the name means something else"
            )
        declared = None if strptime == SEAL_FORMAT else pattern
        return Seals(declared, tuple(names), tuple(found), tuple(sentences))
    return _by_rows(names, spans, written)


def _by_rows(
    names: Sequence[str],
    spans: Sequence[Span | None],
    written: Sequence[datetime],
) -> Seals:
    seals = [
        moment if span is None else _end_of(span, spans, moment)
        for span, moment in zip(spans, written, strict=True)
    ]
    landed = tuple(
        seal_name(seal, f"_{_safe(name)}") for name, seal in zip(names, seals, strict=True)
    )
    why = "the end of the day of its newest row" if spans[0] else "when it was last written"
    if any(_begins_after(span, spans) for span in spans):
        why += ", or the last moment before the next file's rows"
    if any(span and seal == at for span, seal, at in zip(spans, seals, written, strict=True)):
        why += ", or when it was written"
    sentences = [
        f"{names[0]} has no seal in its name that fits its rows: it is landed as {landed[0]}, "
        f"complete to {why}; name later files alike, by the time up to which each is complete"
    ]
    if len(set(seals)) < len(seals):
        sentences.append(
            "several files have the same seal: the rows of all but the first count as known from "
            "then on; if they are parts of one delivery, make one file of them"
        )
    return Seals(None, landed, tuple(seals), tuple(sentences))


def _end_of(span: Span, spans: Sequence[Span | None], written: datetime) -> datetime:
    """The end of the newest row's day, if neither the next file's rows begin nor it was written
    earlier."""
    end = min([_end_of_day(span), *(other - TICK for other in _begins_after(span, spans))])
    return min(end, written) if written >= span.last else end


def _begins_after(span: Span | None, spans: Sequence[Span | None]) -> list[datetime]:
    """When the rows of other files begin, of those that begin later on the day of the last row."""
    return [
        other.first
        for other in spans
        if span and other and span.last < other.first <= _end_of_day(span)
    ]


def _end_of_day(span: Span) -> datetime:
    return datetime(span.last.year, span.last.month, span.last.day) + (DAY - TICK)


def _safe(name: str) -> str:
    """A file's name without folders, and without letters that not every storage has."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name.replace("/", "_")).strip("_") or "rows"
