"""Times of a source's own time zone, exactly as Python's `zoneinfo` converts them.

Offsets change at few hours, so a column is converted hour by hour; only the values in an hour with
a clock change are converted one by one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

ClockChange = Literal["reject", "earlier", "later"]
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MINUTE = rf"^{_DAY}[T ]([01][0-9]|2[0-3]):[0-5][0-9]"
_TO_THE_MINUTE = _MINUTE + "$"
_TO_THE_SECOND = _MINUTE + r":[0-5][0-9](\.[0-9]{1,6})?$"
_HOUR_LENGTH = len("2026-05-25T10")
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class LocalTimes:
    """A time zone, and what happens to a local time that a clock change repeats or skips.

    Such a time can be read in two ways, with the offset before and after the change. `earlier` and
    `later` choose one of the two moments; `reject` chooses none, and the row goes to quarantine.
    """

    zone: str
    clock_change: ClockChange = "reject"

    def in_utc(self, local: datetime) -> datetime:
        """The moment of `local`, both naive.

        Raises:
            ValueError: when a clock change repeats or skips it, and neither reading is chosen.
            OverflowError: when it is outside the range of years.
        """
        first, second = _readings(self.zone, local)
        if first != second and self.clock_change == "reject":
            raise ValueError(f"{local} occurs twice, or never, in {self.zone}")
        return max(first, second) if self.clock_change == "later" else min(first, second)

    def latest(self, local: datetime) -> datetime:
        """The moment after which `local` does not occur again, both naive."""
        return max(_readings(self.zone, local))

    def add_offsets(self, texts: Any) -> Any:
        """The Arrow array of `texts`, with its offset from UTC at each plain local time.

        Values in an hour with a clock change, and all other spellings, stay as they are.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = texts.cast(pa.string())  # Parquet files also have large and encoded texts
        to_the_second = pc.fill_null(pc.match_substring_regex(texts, _TO_THE_SECOND), False)
        to_the_minute = pc.fill_null(pc.match_substring_regex(texts, _TO_THE_MINUTE), False)
        hours = pc.utf8_slice_codeunits(texts, 0, _HOUR_LENGTH)
        chosen = pc.filter(hours, pc.or_(to_the_second, to_the_minute)).unique()
        offsets = pa.array((_offset(self.zone, hour) for hour in chosen.to_pylist()), pa.string())
        offset = offsets.take(pc.index_in(hours, chosen))
        ending = pc.if_else(to_the_minute, pc.binary_join_element_wise(":00", offset, ""), offset)
        is_local = pc.and_(pc.or_(to_the_second, to_the_minute), pc.is_valid(offset))
        return pc.if_else(is_local, pc.binary_join_element_wise(texts, ending, ""), texts)


@lru_cache(maxsize=1 << 17)  # 15 years
def _offset(zone: str, hour: str) -> str | None:
    """The one offset of all times in `hour` (`2026-05-25T10`), or None if there is not one."""
    try:
        start = datetime.fromisoformat(f"{hour}:00:00")
        edges = (start, start + timedelta(hours=1) - _TICK)
        offsets = {edge - moment for edge in edges for moment in _readings(zone, edge)}
    except (ValueError, OverflowError):  # a day that does not exist, or is out of range
        return None
    east = offsets.pop()
    if offsets or east % timedelta(minutes=1):
        return None
    hours, minutes = divmod(abs(east) // timedelta(minutes=1), 60)
    return f"{'-' if east < timedelta() else '+'}{hours:02}:{minutes:02}"


def _readings(zone: str, local: datetime) -> tuple[datetime, datetime]:
    """The moments of `local` with the offsets before and after a clock change; mostly equal."""
    first, second = (
        local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC).replace(tzinfo=None)
        for fold in (0, 1)
    )
    return first, second
