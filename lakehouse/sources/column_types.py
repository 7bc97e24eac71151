"""The types that a contract may declare, and the conversion of source values: exact, or NULL.

A value depends on its own spelling alone. DuckDB's casts round decimals, drop the time of a DATE,
read `1_000`, and apply a named time zone to the rows after it. So a cast receives only spellings
that it converts exactly, which covers nearly all values; `plain` rewrites the others into such a
form (`spellings.py`), or makes them NULL.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from typing import Any

from lakehouse.sources import spellings
from lakehouse.sources.local_times import LocalTimes

_BITS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_INTEGERS |= {f"U{name}" for name in _INTEGERS}
_IN_UTC = "TIMESTAMP WITH TIME ZONE"
_TIMES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", _IN_UTC}
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DOUBLE = r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?"
_MOMENT_WITH_OFFSET = rf"{_DATE}[T ]{_CLOCK}{_OFFSET.removesuffix('?)?')})"
_MOMENT = rf"{_DATE}([T ]{_CLOCK}{_OFFSET})?"
_IN_RANGE = "{{0}} BETWEEN {0} '0001-01-01' AND {0} '9999-12-31{1}'"
_TIMESTAMP_IN_RANGE = _IN_RANGE.format("TIMESTAMP", " 23:59:59.999999")


@dataclass(frozen=True)
class ColumnType:
    """A type of a contract.

    `plain_pattern` is a pattern of spellings that a cast converts exactly, and `rewrite` converts
    any other into that form, or returns None. `exact_types` are DuckDB's types whose values need no
    conversion through text. `bounds` is SQL for whether `{0}` is finite and within the range of
    years that Python and most databases can hold; a number lies between the `limits` (exclusive).
    """

    name: str
    plain_pattern: str = ""
    rewrite: Callable[[str], str | None] = str
    exact_types: Collection[str] = ()
    bounds: str = "true"
    limits: tuple[int, int] | None = None

    def plain(self, values: Any, source: str, zone: LocalTimes | None = None) -> Any:
        """The Arrow array `values`, of DuckDB's type `source`, in a form that `cast_sql` accepts.

        Returns the same array if nothing needs rewriting. A value that is not exactly of this type
        becomes NULL. A binary float counts as the shortest text that yields it, except for a
        DOUBLE. A TIMESTAMP without an offset is a time in `zone`.
        """
        import pyarrow as pa

        is_local = zone is not None and self.name == "TIMESTAMP" and source != _IN_UTC
        if self.name == "VARCHAR" or (source in self.exact_types and not is_local):
            return values
        texts = values if source == "VARCHAR" else values.cast(pa.string())
        if zone is not None and is_local:
            rewrite = partial(spellings.timestamp, zone=zone)
            return _rewritten(zone.add_offsets(texts), _MOMENT_WITH_OFFSET, rewrite)
        return _rewritten(texts, self.plain_pattern, self.rewrite)

    def exact(self, text: str) -> str | None:
        """One spelling in a form that a cast converts exactly; None if there is none."""
        written = text if self.name == "VARCHAR" else self.rewrite(_stripped(text))
        if written is None or self.limits is None:
            return written
        low, high = self.limits
        return written if low < Decimal(written) < high else None

    def cast_sql(self, value: str, source: str) -> str:
        """SQL that casts the column `value`, of DuckDB's type `source`, as `plain` returned it."""
        if self.name == "VARCHAR":
            return text_sql(value, source)
        cast = f"try_cast({value} AS {self.name})"
        if self.name == "TIMESTAMP" and source == "VARCHAR":
            after = f"substr({value}, 12)"
            zoned = f"try_cast({value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
            has_offset = f"contains({after}, '+') OR contains({after}, '-')"
            cast = f"CASE WHEN {has_offset} THEN {zoned} ELSE {cast} END"
        elif source == _IN_UTC:
            cast = f"({value} AT TIME ZONE 'UTC')"
        return (
            cast
            if self.bounds == "true"
            else f"CASE WHEN {self.is_bounded_sql(cast)} THEN {cast} END"
        )

    def is_bounded_sql(self, value: str) -> str:
        """SQL for whether `value`, which is of this type, is one that raw may hold."""
        return self.bounds.format(value)


def _rewritten(texts: Any, pattern: str, rewrite: Callable[[str], str | None]) -> Any:
    """The Arrow array `texts`, with what does not match `pattern` rewritten."""
    import pyarrow as pa
    import pyarrow.compute as pc

    odd = pc.invert(pc.match_substring_regex(texts, f"^{pattern}$"))
    if not pc.any(odd).as_py():
        return texts
    # each spelling once: unusual columns are unusual throughout, and often repeat values
    spelled = texts.filter(odd).unique()
    written = pa.array((rewrite(_stripped(text)) for text in spelled.to_pylist()), pa.string())
    places = pc.index_in(texts, spelled)
    return pc.if_else(pc.fill_null(odd, False), written.take(places), texts)


def _stripped(text: str) -> str:
    return text.strip(" \t")


def text_sql(value: str, source: str) -> str:
    """SQL for the column `value` of DuckDB's type `source` as text."""
    return value if source == "VARCHAR" else f"CAST({value} AS VARCHAR)"


@cache
def column_type(text: str, *, from_float: bool = False) -> ColumnType:
    """The type that a contract calls `text`; case and spaces are ignored.

    `from_float`: round away the noise that binary floats add to a DECIMAL.

    Raises:
        ValueError: for an unknown type.
    """
    name = text.upper().replace(" ", "")
    if name in _TYPES:
        return _TYPES[name]
    if match := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", name):
        precision, scale = map(int, match.groups())
        if not 1 <= precision <= 38 or scale > precision:
            raise ValueError(
                f"{text!r} is not a valid type: DECIMAL(p, s) has 1 <= p <= 38 and s <= p"
            )
        high = 10 ** (precision - scale)
        name = f"DECIMAL({precision},{scale})"
        return _number(name, (-high, high), scale, from_float=from_float)
    raise ValueError(
        f"unknown column type {text!r}; known are {', '.join(_TYPES)}, DECIMAL(p, s); a TIMESTAMP "
        "is in UTC"
    )


def _number(
    name: str, limits: tuple[int, int], scale: int = 0, *, from_float: bool = False
) -> ColumnType:
    plain_pattern = "[+-]?[0-9]{1,18}" + (rf"(\.[0-9]{{1,{scale}}})?" if scale else "")
    rewrite = partial(spellings.number, scale=scale, from_float=from_float)
    return ColumnType(name, plain_pattern, rewrite, _INTEGERS, limits=limits)


_TYPES = {
    one.name: one
    for one in (
        ColumnType("VARCHAR"),
        ColumnType("BOOLEAN", "(true|false)", spellings.boolean, {"BOOLEAN"}),
        *(_number(name, (-(2**bits) - 1, 2**bits)) for name, bits in _BITS.items()),
        ColumnType("DOUBLE", _DOUBLE, spellings.double, {"DOUBLE", "FLOAT"}, "isfinite({0})"),
        ColumnType("DATE", _DATE, spellings.day, {"DATE"}, _IN_RANGE.format("DATE", "")),
        ColumnType("TIMESTAMP", _MOMENT, spellings.timestamp, _TIMES, _TIMESTAMP_IN_RANGE),
    )
}
