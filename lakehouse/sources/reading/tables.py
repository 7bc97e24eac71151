"""The blocks that every reader returns; their tables have the same form for all formats.

`_row` (1-based: the line of JSON Lines, the record of a CSV below its header, the row of a Parquet
file), `_text` (the original, NULL for Parquet), `_broken` (why the row has no columns, or NULL),
and the requested columns as `_c0`, `_c1`, ..., in the order of `Shape.columns`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BLOCK_BYTES = 8 << 20
"""Bytes of a file that are read at a time."""
BLOCK_ROWS = 1 << 16
CUT_LENGTH = 2_000
"""Characters that are kept of a row that is too long."""
MAX_COLUMNS = 2_000
"""A file with more columns counts as damaged: each would become a column of the lake."""


class Unreadable(Exception):
    """A file as a whole cannot be read; the message is the reason kept in the manifest."""


@dataclass(frozen=True)
class Reading:
    """How a file is read: `columns` are requested from it, and with `all_columns` all its columns.

    `max_row_bytes` is the most bytes of one row. `encoding` is that of texts, by its Python name.
    """

    format: str
    columns: tuple[str, ...]
    all_columns: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"
    max_row_bytes: int = 1_000_000


@dataclass(frozen=True)
class Shape:
    """What tables must share to be checked together: the format, and the columns in order."""

    format: str
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A part of a file. `found` counts, for each column of the file, the rows that have it."""

    shape: Shape
    table: Any
    found: Mapping[str, int] = field(default_factory=Counter)


def text_block(
    shape: Shape,
    rows: Sequence[tuple[int, str, str | None]],
    columns: Sequence[Sequence[str | None]],
    found: Mapping[str, int],
) -> Block:
    """A block of `rows` (number, text, why broken) and the texts of its columns."""
    import pyarrow as pa

    numbers, texts, broken = zip(*rows, strict=True) if rows else ((), (), ())
    arrays = [
        pa.array(numbers, pa.int64()),
        *(pa.array(values, pa.string()) for values in (texts, broken, *columns)),
    ]
    return Block(shape, pa.table(arrays, names=names(len(columns))), found)


def names(width: int) -> list[str]:
    """The names of a table's columns; `width` of them come from the file."""
    return ["_row", "_text", "_broken", *(f"_c{index}" for index in range(width))]


def clean(text: str) -> str:
    """`text` with undecoded bytes (kept by `surrogateescape`) replaced."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


NOT_UTF8 = "not UTF-8"
_LONGER = "longer than "


def is_original(broken: str | None) -> bool:
    """Whether the `_text` of a row that is `broken` for this reason is the complete original."""
    return broken is None or not (broken == NOT_UTF8 or broken.startswith(_LONGER))


def too_long(limit: int) -> str:
    """The reason for a row that exceeds the longest row allowed."""
    return f"{_LONGER}{limit:,} bytes (LAKEHOUSE_LONGEST_ROW)"
