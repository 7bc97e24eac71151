"""The time of a source's rows: when each could first have been known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lakehouse.lake import literal
from lakehouse.scaffolding.names import free_name, sql_name
from lakehouse.scaffolding.profile import Column
from lakehouse.scaffolding.samples import Sample
from lakehouse.scaffolding.seals import Span
from lakehouse.sources.column_types import column_type

_PLANNED = re.compile(
    "expir|due|until|valid|plan|deliver|schedul|expected|deadline|eta|end_of|target|birth|renew"
)
"""Parts of names of times that may lie ahead of the row."""
_TELLING = (
    *("published", "updated", "modified", "changed", "reported", "received", "recorded"),
    *("ingested", "completed", "finished", "closed", "end", "dropoff", "created", "placed"),
    *("ordered", "sold", "event", "time", "timestamp", "datetime", "date", "day"),
)
"""Words of names, the ones that tell most about publication first."""
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Time:
    """The declared time of a source.

    `column` is the column that it comes from, None if there is none. `name` is the contract's
    column; with an `expression` it is one that the loader computes. `event` is SQL over the raw
    columns for when the row happened.
    """

    column: Column | None
    name: str
    expression: str
    event: str
    sentence: str
    spans: tuple[Span | None, ...] = ()


def find_time(sample: Sample, columns: Sequence[Column], now: datetime) -> Time | None:
    """The time that tells when a row was known; None if no column can.

    It is the latest of the row's times that are not plans: a row is not known before what it
    contains has happened. A column with times after `now` (UTC) holds plans. `spans` has the
    first and the last time of each file.
    """
    moments = {c.name: _moments(sample, c) for c in columns if _is_time(c)}
    moments = {name: each for name, each in moments.items() if each.is_of_our_time(now)}
    candidates = [c for c in columns if c.name in moments]
    if not candidates:
        return None
    complete = [c for c in candidates if c.missing == 0] or candidates
    chosen = min(complete, key=lambda c: (not _is_last(c, moments), _rank(c)))
    others = [c.name for c in candidates if c is not chosen]
    day = chosen.guess.best == "DATE"
    taken = [column.name for column in columns]
    source = _sql(chosen)
    happened = next((c for c in candidates if c.name == "event_time"), chosen)
    name, expression = chosen.name, ""
    if day:
        name = free_name(f"{chosen.name}_end", taken)
        expression = f"CAST({source} AS TIMESTAMP) + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND"
    elif chosen.type != "TIMESTAMP":
        name, expression = free_name(f"{chosen.name}_utc", taken), source
    sentence = f"a row is known from {chosen.name} on"
    if day:
        sentence = f"{chosen.name} is a day: a row is known from its end on"
    if others:
        why = (
            "no row has a later time"
            if _is_last(chosen, moments) and len(candidates) > 1
            else "its name tells more"
        )
        sentence += f", not from {' or '.join(others)}: {why}"
    if chosen.missing:
        sentence += f"; the {chosen.missing:,} rows without it are known at their file's seal"
    spans = _spans(sample, moments[chosen.name].end)
    event = _sql(happened)
    if happened.guess.best == "DATE":
        event = f"cast({event} as timestamp)"
    if happened.missing:
        event = f"coalesce({event}, known_at)"
    return Time(chosen, name, expression, event, sentence, spans)


def _sql(column: Column) -> str:
    """SQL that reads the column's time or day."""
    name = sql_name(column.name)
    formats = column.guess.formats
    return f"strptime({name}, {literal(formats[0])})" if formats else name


def _is_time(column: Column) -> bool:
    is_time = column.guess.best in ("DATE", "TIMESTAMP") and not column.guess.markers
    return is_time and not column.personal and not _PLANNED.search(column.name)


def _rank(column: Column) -> tuple[bool, int]:
    places = [place for place, word in enumerate(_TELLING) if word in column.name]
    return column.guess.best == "DATE", min(places, default=len(_TELLING))


def _is_last(column: Column, moments: "Mapping[str, _Moments]") -> bool:
    """Whether no row has a later time; a day is not later than a time in it."""
    import pyarrow.compute as pc

    own = moments[column.name].end
    return all(
        pc.all(pc.less_equal(other.start, own)).as_py() is not False for other in moments.values()
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    """Times of the rows in UTC, as Arrow arrays: when each begins and ends, which differs for a
    day."""

    start: Any
    end: Any

    def is_of_our_time(self, now: datetime) -> bool:
        """Whether the latest time can be that of a delivery: not before 1970, not to come."""
        import pyarrow.compute as pc

        latest = pc.max(self.start).as_py()
        return latest is not None and EPOCH <= latest <= now


def _moments(sample: Sample, column: Column) -> _Moments:
    import pyarrow as pa
    import pyarrow.compute as pc

    start = _starts(sample, column)
    if column.guess.best != "DATE":
        return _Moments(start, start)
    return _Moments(start, pc.add(start, pa.scalar(DAY - TICK, pa.duration("us"))))


def _starts(sample: Sample, column: Column) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    array = sample.columns[column.origin].combine_chunks()
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us", array.type.tz), safe=False).cast(pa.timestamp("us"))
    texts = array.cast(pa.string())
    different = texts.unique()
    read: list[datetime | None] = []
    for text in different.to_pylist():
        if text is None:
            read.append(None)
        elif column.guess.formats:
            read.append(datetime.strptime(text, column.guess.formats[0]))
        else:
            exact = column_type("TIMESTAMP").exact(text)
            read.append(None if exact is None else datetime.fromisoformat(exact))
    places = pc.index_in(texts, different)
    return pa.array(read, pa.timestamp("us")).take(places)


def _spans(sample: Sample, moments: Any) -> tuple[Span | None, ...]:
    import pyarrow as pa

    table = pa.table({"file": sample.file_of, "moment": moments})
    found = table.group_by("file").aggregate([("moment", "min"), ("moment", "max")]).to_pylist()
    spans = {
        row["file"]: Span(row["moment_min"], row["moment_max"])
        for row in found
        if row["moment_max"] is not None
    }
    return tuple(spans.get(number) for number in range(len(sample.files)))
