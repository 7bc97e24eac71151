"""Values from outside as the contract's types: exactly, or NULL. What is lossy is never done.

A value depends on its own spelling alone. DuckDB's casts round decimals, drop the time of a DATE,
read `1_000`, and carry a named time zone on to the rows behind it. So a cast sees only spellings
that it takes exactly, which nearly all have; `plain` writes the others in that form by Python's own
`decimal`, `datetime` and `zoneinfo`, or makes them NULL.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_PLAIN = {
    "BOOLEAN": r"^(true|false)$",
    "DOUBLE": r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$",
    "DATE": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "TIMESTAMP": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]"
    r"(\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?)?$",
}
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
_BITS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
_BOUNDS = {
    "DOUBLE": "isfinite({0})",
    # what Python and most databases can hold
    "DATE": "{0} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'",
    "TIMESTAMP": "{0} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'",
}
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_INTEGERS |= {f"U{name}" for name in _INTEGERS}
_TIMES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"}
_TAKEN_OVER = {
    **dict.fromkeys(("SMALLINT", "INTEGER", "BIGINT", "DECIMAL"), _INTEGERS),
    "BOOLEAN": {"BOOLEAN"},
    "DOUBLE": {"DOUBLE", "FLOAT"},
    "DATE": {"DATE"},
    "TIMESTAMP": _TIMES,
}
"""For each type of a contract, DuckDB's types whose values it takes over without a text between."""


def plain(values: Any, source: str, target: str, *, from_float: bool = False) -> Any:
    """The Arrow array `values`, of DuckDB's type `source`, in a form that `cast_sql` takes exactly.

    The same array where nothing is to do. Where a value does not fit the contract's type `target`
    exactly, NULL. Numbers of binary floats count as the shortest text that gives them, except for a
    DOUBLE; with `from_float`, what lies within 1e-4 of a DECIMAL's last place is taken for noise.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = target.partition("(")[0]
    if target == "VARCHAR" or source in _TAKEN_OVER[kind]:
        return values
    texts = values if source == "VARCHAR" else values.cast(pa.string())
    odd = pc.invert(pc.match_substring_regex(texts, _pattern(target)))
    if not pc.any(odd).as_py():
        return texts
    write = _writer(target, from_float=from_float)
    # each spelling once: a column that is odd is so throughout, and often repeats itself
    spelled = texts.filter(odd).unique()
    written = pa.array(map(write, spelled.to_pylist()), pa.string())
    places = pc.index_in(texts, spelled)
    return pc.if_else(pc.fill_null(odd, False), written.take(places), texts)


def exact(text: str, target: str) -> str | None:
    """One spelling in a form that a cast to `target` takes exactly; None if there is none."""
    written = text if target == "VARCHAR" else _writer(target, from_float=False)(text)
    if written is None or (target not in _BITS and not target.startswith("DECIMAL")):
        return written
    number = Decimal(written)
    if bits := _BITS.get(target):
        return written if -(2**bits) <= number < 2**bits else None
    precision = int(target[len("DECIMAL(") :].partition(",")[0])
    return written if number.copy_abs() < Decimal(10) ** (precision - _scale(target)) else None


def is_bounded_sql(value: str, target: str) -> str:
    """SQL for whether `value` of the type `target` is one that raw may hold: finite, of our era."""
    return _BOUNDS[target].format(value) if target in _BOUNDS else "true"


def cast_sql(value: str, source: str, target: str) -> str:
    """SQL for the column `value`, as `plain` gave it, as the contract's type `target`."""
    if target == "VARCHAR":
        return text_sql(value, source)
    if target != "TIMESTAMP":
        return _bounded(f"try_cast({value} AS {target})", target)
    if source == "VARCHAR":
        local = f"try_cast({value} AS TIMESTAMP)"
        after = f"substr({value}, 12)"
        zoned = f"try_cast({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
        has_offset = f"contains({after}, '+') OR contains({after}, '-')"
        return _bounded(f"CASE WHEN {has_offset} THEN {zoned} ELSE {local} END", target)
    if source == "TIMESTAMP WITH TIME ZONE":
        return _bounded(f"({value} AT TIME ZONE 'UTC')", target)
    return _bounded(f"CAST({value} AS TIMESTAMP)", target)


def text_sql(value: str, source: str) -> str:
    """SQL for the column `value` of DuckDB's type `source` as text."""
    return value if source == "VARCHAR" else f"CAST({value} AS VARCHAR)"


def _bounded(value: str, target: str) -> str:
    if target not in _BOUNDS:
        return value
    return f"CASE WHEN {_BOUNDS[target].format(value)} THEN {value} END"


def _pattern(target: str) -> str:
    if target in _PLAIN:
        return _PLAIN[target]
    scale = _scale(target)
    return r"^[+-]?[0-9]{1,18}" + (rf"(\.[0-9]{{1,{scale}}})?$" if scale else "$")


def _scale(target: str) -> int:
    return int(target.rstrip(")").split(",")[1]) if target.startswith("DECIMAL") else 0


def _writer(target: str, *, from_float: bool) -> Callable[[str], str | None]:
    """What writes one spelling of a `target` in its plain form, or gives None."""
    write: Callable[[str], str | None] = {
        "BOOLEAN": lambda text: _WORDS.get(text.lower()),
        "DOUBLE": _double,
        "DATE": _date,
        "TIMESTAMP": _timestamp,
    }.get(target) or (lambda text: _number(text, _scale(target), from_float))
    return lambda text: write(text.strip(" \t"))


def _number(text: str, scale: int, from_float: bool) -> str | None:
    """Written out, with no more than `scale` places after the point."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if from_float:
        near = Decimal(repr(round(float(text), scale)))
        if abs(float(text) - float(near)) < 10 ** -(scale + 4):
            number = near
    whole, _, places = format(number, "f").partition(".")
    places = places.rstrip("0")
    return None if len(places) > scale else f"{whole}.{places}" if places else whole


def _double(text: str) -> str | None:
    """The nearest one, unless that is infinite, or 0 for what is not."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return None if number == 0 and Decimal(text) != 0 else repr(number)


def _date(text: str) -> str | None:
    """A day, or its midnight in UTC."""
    match = _MOMENT.fullmatch(text)
    moment = _timestamp(text)
    if match is None or moment is None or match["zone"] not in (None, "Z", "UTC", "GMT"):
        return None
    is_elsewhere = any(int(match[name] or 0) for name in ("hours", "minutes", "seconds"))
    return None if is_elsewhere or not moment.endswith(" 00:00:00") else moment[:10]


def _timestamp(text: str) -> str | None:
    """In UTC; not what has more than microseconds, or what a change of clocks skips or repeats."""
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
        return str(_in_utc(moment, match))
    except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
        return None


def _in_utc(moment: datetime, match: re.Match[str]) -> datetime:
    if match["sign"]:
        east = timedelta(
            **{name: int(match[name] or 0) for name in ("hours", "minutes", "seconds")}
        )
        if east >= timedelta(days=1):
            raise ValueError(f"{east} is more than a zone can be away")
        return moment - east if match["sign"] == "+" else moment + east
    if match["zone"] in (None, "Z", "UTC", "GMT"):
        return moment
    local = moment.replace(tzinfo=ZoneInfo(match["zone"]))
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError(f"{local} is there twice, or never")
    return local.astimezone(UTC).replace(tzinfo=None)
