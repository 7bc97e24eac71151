"""The type of a column by its values: the narrowest one under which no value changes.

A type fits if every value is the same number, instant or truth under it, and if its spelling is
not a code: a leading zero, a plus sign or a blank would be lost, so such a column stays text.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from lakehouse.sources.column_types import column_type

TEXT = "VARCHAR"
MARKERS = ("NA", "N/A", "n/a", "#N/A", "null", "NULL", "None", "NaN", "nan", "?", "-")
"""Texts that stand for a missing value in files that others write."""

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)(\.0+)?", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_NUMBER = re.compile(r"-?((0|[1-9][0-9]*)(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}", re.ASCII)
_MOMENT = re.compile(rf"{_DAY.pattern}([T ].*)?", re.ASCII)
_ZONED = re.compile(r".*(Z|[+-][0-9]{2}(:?[0-9]{2})?|[A-Za-z]{3,})", re.ASCII)
_MANY_AMOUNTS = 100
"""Different floats that show that a column holds amounts."""
_MOST_SPELLINGS = 50
"""More different values than true and false have in any capitals."""
_FINEST_MONEY = 4
"""Decimal places up to which a number counts as exact; more are a measurement: a DOUBLE."""
_FORMATS = tuple(
    f"{day}{time}"
    for day in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d-%b-%Y")
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)


@dataclass(frozen=True)
class Guess:
    """A column's type in the contract, and what staging can make of a text.

    `inner` is the type of all values except the `markers`, and `formats` are the formats of
    `strptime` that fit all values: one, or several between which only a person can choose. With
    `comma` the texts are numbers with a decimal comma. `zoned` counts the times with a zone, and
    all.
    """

    type: str
    inner: str = ""
    markers: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    zoned: tuple[int, int] = (0, 0)
    comma: bool = False

    @property
    def best(self) -> str:
        """The type that staging gives the column."""
        return self.inner or self.type


def guess_texts(values: Collection[str]) -> Guess:
    """The type of a column from its different values, without missing ones."""
    kind = type_of(values)
    if kind == "TIMESTAMP":
        zoned = sum(bool(_ZONED.fullmatch(value[10:])) for value in values)
        return Guess(kind, zoned=(zoned, len(values)))
    if kind != TEXT or not values:
        return Guess(kind)
    markers = tuple(marker for marker in MARKERS if marker in values)
    if markers and (rest := [value for value in values if value not in markers]):
        inner = type_of(rest)
        if inner != TEXT:
            return Guess(TEXT, inner, markers)
    if (inner := _type_with_comma(values)) != TEXT:
        return Guess(TEXT, inner, comma=True)
    formats = _formats(values)
    if len(formats) == 1:
        return Guess(TEXT, "TIMESTAMP" if " " in formats[0] else "DATE", formats=formats)
    return Guess(TEXT, formats=formats)


def _type_with_comma(values: Collection[str]) -> str:
    """The type of numbers with a decimal comma; text if the comma may stand before thousands."""
    with_comma = [value for value in values if "," in value]
    if not with_comma or any("." in value or value.count(",") > 1 for value in values):
        return TEXT
    if all(len(value.partition(",")[2]) == 3 for value in with_comma):
        return TEXT
    return type_of([value.replace(",", ".") for value in values])


def guess_typed(values: Any) -> Guess:
    """The type of a Parquet column that is not text, from its Arrow array of different values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = values.type, pa.types
    if types.is_boolean(kind):
        return Guess("BOOLEAN")
    if types.is_floating(kind):
        if pc.all(pc.is_finite(values.cast(pa.float64()))).as_py() is False:
            return Guess(TEXT)
        return Guess(_type_of_floats(values))
    if types.is_date(kind):
        return Guess("DATE")
    if types.is_timestamp(kind):
        return Guess("TIMESTAMP" if _is_micros(values) else TEXT)
    if types.is_integer(kind):
        most = pc.max(values).as_py()
        return Guess("BIGINT" if most is None or most < 2**63 else "DECIMAL(38,0)")
    return guess_texts([text for text in values.cast(pa.string()).to_pylist() if text is not None])


def _type_of_floats(values: Any) -> str:
    """DOUBLE, unless many values show that they are amounts with two decimal places at most.

    A float counts as the shortest text that yields it, so that the decimal is the same number.
    """
    import pyarrow as pa

    if len(values) < _MANY_AMOUNTS:
        return "DOUBLE"
    kind = type_of(values.cast(pa.string()).to_pylist())
    return kind if kind == "DECIMAL(18, 2)" else "DOUBLE"


def _is_micros(values: Any) -> bool:
    """Whether each time is a whole number of microseconds: raw holds no finer one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.type.unit != "ns":
        return True
    numbers = values.view(pa.int64())
    whole = pc.multiply(pc.divide(numbers, 1000), 1000)
    return pc.all(pc.equal(whole, numbers)).as_py() is not False


def type_of(values: Collection[str]) -> str:
    """The narrowest type of the contract under which none of these texts changes its value."""
    if not values:
        return TEXT
    if len(values) <= _MOST_SPELLINGS:
        words = {value.lower() for value in values}
        if words <= {"true", "false"} or words == {"yes", "no"}:
            return "BOOLEAN"
    if all(map(_WHOLE.fullmatch, values)):
        whole = all(-(2**63) <= int(value.partition(".")[0]) < 2**63 for value in values)
        return "BIGINT" if whole else TEXT  # a number of twenty digits is a code
    if all(map(_NUMBER.fullmatch, values)):
        return _type_of_numbers(values)
    for kind, pattern in (("DATE", _DAY), ("TIMESTAMP", _MOMENT)):
        if all(map(pattern.fullmatch, values)) and _all_exact(kind, values):
            return kind
    return TEXT


def _type_of_numbers(values: Collection[str]) -> str:
    if all(map(_DECIMAL.fullmatch, values)):
        parts = [value.lstrip("-").partition(".") for value in values]
        whole, scale = (max(len(part[place]) for part in parts) for place in (0, 2))
        scale += scale % 2  # 2 or 4 places: the next price may have one more than the sample
        if scale <= _FINEST_MONEY and whole + scale <= 38:
            return f"DECIMAL({18 if whole + scale <= 18 else 38}, {scale})"
    if all(map(_is_double, values)):
        return "DOUBLE"
    if all(map(_DECIMAL.fullmatch, values)):
        scale = max(len(value.partition(".")[2]) for value in values)
        kind = f"DECIMAL(38, {scale})"
        if scale <= 38 and _all_exact(kind, values):
            return kind
    return TEXT


def _is_double(value: str) -> bool:
    """Whether the nearest double is this very number, when written as short as possible."""
    exact = column_type("DOUBLE").exact(value)
    return exact is not None and Decimal(exact) == Decimal(value)


def _all_exact(kind: str, values: Collection[str]) -> bool:
    known = column_type(kind)
    return all(value == value.strip() and known.exact(value) is not None for value in values)


def _formats(values: Collection[str]) -> tuple[str, ...]:
    left = list(_FORMATS)
    for value in values:
        left = [format for format in left if _parses(value, format)]
        if not left:
            break
    return tuple(left)


def _parses(value: str, format: str) -> bool:
    try:
        datetime.strptime(value, format)
    except ValueError:
        return False
    return value.isascii()
