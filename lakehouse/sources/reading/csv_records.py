"""CSV by RFC 4180, strictly: a malformed record ends with its first line.

So an unclosed quote costs only its own line, and not the lines after it. A line without a quote is
a record for any parser, and Arrow splits those; the others go through Python's `csv`, whose strict
mode reports where a record breaks (docs/decisions/0012-reading-csv.md).
"""

import csv
import io
import sys
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from lakehouse.sources.reading.tables import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    CUT_LENGTH,
    MAX_COLUMNS,
    NOT_UTF8,
    Block,
    Reading,
    Shape,
    Unreadable,
    clean,
    names,
    text_block,
    too_long,
)

Record = tuple[str, str | None, list[str] | None]
"""The text of a record, why it is broken, and its fields; None if the text is yet to be split."""
_QUOTE = '"'


def read_csv(stream: Any, reading: Reading) -> Iterator[Block]:
    """The blocks of a file with a header; empty lines are skipped, empty fields are NULL."""
    csv.field_size_limit(
        sys.maxsize
    )  # the limit is global to the module; this reader limits lines itself
    text = io.TextIOWrapper(
        io.BufferedReader(_Raw(stream), BLOCK_BYTES),
        encoding="utf-8",
        errors="surrogateescape",
        newline="",
    )
    records = _Records(text, reading)
    rows = _Rows(*_header(records, reading), reading.delimiter)
    for number, (original, broken, fields) in enumerate(records, start=1):
        if not original.isascii() and (plain := clean(original)) != original:
            original, broken = plain, broken or NOT_UTF8
        rows.add(number, original, broken, fields)
        if rows.is_full:
            yield rows.take()
    yield rows.take()


class _Rows:
    """The rows of a block: split records, and lines that are yet to be split."""

    def __init__(self, shape: Shape, header: tuple[str, ...], delimiter: str) -> None:
        self._shape, self._header, self._delimiter = shape, header, delimiter
        self._places = [header.index(name) for name in shape.columns]
        self._clear()

    def _clear(self) -> None:
        self._rows: list[tuple[int, str, str | None]] = []
        self._columns: list[list[str | None]] = [[] for _ in self._places]
        self._numbers: list[int] = []
        self._lines: list[str] = []
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether there are enough rows for a block."""
        return self._size > BLOCK_BYTES or len(self._rows) + len(self._lines) >= BLOCK_ROWS

    def add(self, number: int, text: str, broken: str | None, fields: list[str] | None) -> None:
        """Add a record; an empty one is skipped."""
        self._size += len(text)
        if fields is None and not broken:
            if text:
                self._numbers.append(number)
                self._lines.append(text)
            return
        self._rows.append((number, text, broken))
        for column, place in zip(self._columns, self._places, strict=True):
            column.append(fields[place] or None if fields and not broken else None)

    def take(self) -> Block:
        """Remove and return the rows so far, in order."""
        import pyarrow as pa

        tables = [self._split()] if self._lines else []
        tables.append(text_block(self._shape, self._rows, self._columns, {}).table)
        tables = [table for table in tables if len(table)] or tables[:1]
        table = pa.concat_tables(tables)
        if len(tables) > 1 or self._numbers:
            table = table.sort_by("_row")
        self._clear()
        return Block(self._shape, table, dict.fromkeys(self._header, len(table)))

    def _split(self) -> Any:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        width, numbers = len(self._header), pa.array(self._numbers, pa.int64())
        lines = pa.array(self._lines, pa.string())
        parts = pc.split_pattern(lines, self._delimiter)
        fits = pc.equal(pc.list_value_length(parts), width)
        if not pc.all(fits).as_py():
            for index in np.flatnonzero(~fits.to_numpy(zero_copy_only=False)).tolist():
                why = f"{width} fields expected"
                self.add(self._numbers[index], self._lines[index], why, [])
            numbers, lines, parts = (array.filter(fits) for array in (numbers, lines, parts))
        fields = pc.list_flatten(parts)
        columns = []
        for place in self._places:
            column = fields.take(pa.array(np.arange(place, len(fields), width)))
            columns.append(pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column))
        nothing = pa.nulls(len(lines), pa.string())
        return pa.table([numbers, lines, nothing, *columns], names=names(len(columns)))


def _header(records: "_Records", reading: Reading) -> tuple[Shape, tuple[str, ...]]:
    """The columns to read, and all columns of the file."""
    original, broken, header = next(records, ("", None, []))
    if broken:
        raise Unreadable(f"unreadable csv: its header is {broken}")
    if not header:
        raise Unreadable("unreadable csv: there is no header")
    if clean(original) != original:
        raise Unreadable(
            f"its header is not UTF-8 ({clean(original)[:200]}): declare `encoding`, or send UTF-8"
        )
    if duplicates := [name for name, count in Counter(header).items() if count > 1]:
        raise Unreadable(f"unreadable csv: {duplicates[0]!r} appears twice in the header")
    if len(header) > MAX_COLUMNS:
        raise Unreadable(f"its header has {len(header):,} columns, more than {MAX_COLUMNS:,}")
    records.header = header
    selected = [name for name in header if reading.all_columns or name in reading.columns]
    return Shape("csv", tuple(selected)), tuple(header)


class _Records:
    """The records of a text; `header` sets their number of fields, once it is known."""

    def __init__(self, text: io.TextIOWrapper, reading: Reading) -> None:
        self.header: list[str] = []
        self._text, self._reading = text, reading
        self._pushed_back: deque[str] = deque()
        self._record_lines: list[str] = []
        self._size = 0
        self._open()

    def _open(self) -> None:
        self._reader = csv.reader(self._feed(), delimiter=self._reading.delimiter, strict=True)

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        if self.header:
            line = self._line()
            if _QUOTE not in line and not isinstance(line, _Cut):
                if not line:
                    raise StopIteration
                return line.rstrip("\r\n"), None, None
            self._pushed_back.appendleft(line)
        return self._record()

    def _record(self) -> Record:
        self._record_lines, self._size = [], 0
        try:
            fields = next(self._reader)
        except _TooLong as error:
            return self._broken(str(error))
        except csv.Error as error:
            return self._broken(f"malformed CSV ({error})")
        if self.header and fields and len(fields) != len(self.header):
            return self._broken(f"{len(self.header)} fields expected")
        return "".join(self._record_lines).rstrip("\r\n"), None, fields

    def _broken(self, why: str) -> Record:
        """The first line of a broken record; the other lines are read again."""
        self._pushed_back.extendleft(reversed(self._record_lines[1:]))
        self._open()
        return self._record_lines[0].rstrip("\r\n"), why, []

    def _feed(self) -> Iterator[str]:
        while line := self._line():
            self._record_lines.append(line)
            self._size += len(line)
            if self._size > self._reading.max_row_bytes or isinstance(line, _Cut):
                raise _TooLong(too_long(self._reading.max_row_bytes))
            yield line

    def _line(self) -> str:
        """The next line, with its end, or the start of one that is too long."""
        if self._pushed_back:
            return self._pushed_back.popleft()
        limit = self._reading.max_row_bytes
        line = self._text.readline(limit + 1)
        if len(line) <= limit:
            return line
        start = _Cut(line[:CUT_LENGTH])
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(limit)
        return start


class _Cut(str):
    """The start of a line that is too long."""


class _TooLong(Exception):
    """A record that exceeds the longest row allowed."""


class _Raw(io.RawIOBase):
    """Wraps a stream that has only `read`, for Python's own buffers."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)
