"""CSV by RFC 4180, strictly: a record that is malformed ends with its first line.

So a quote that nothing closes costs its own line, and not those behind it. Python's `csv`, whose
strict mode says where a record breaks, rather than DuckDB's reader, which takes a tenth of the time
and gives one reject for all that an open quote swallows (docs/decisions/0012-csv.md).
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
    MOST_COLUMNS,
    NOT_UTF8,
    SHOWN,
    Block,
    Reading,
    Shape,
    Unreadable,
    clean,
    text_block,
    too_long,
)

Record = tuple[str, str | None, list[str]]
"""The text of a record, why it is broken, and its fields."""


def read_csv(stream: Any, reading: Reading) -> Iterator[Block]:
    """The blocks of a file with a header; empty lines are no rows, empty fields are NULL."""
    csv.field_size_limit(sys.maxsize)  # it is the module's, for all; lines are bounded here
    text = io.TextIOWrapper(
        io.BufferedReader(_Raw(stream), BLOCK_BYTES),
        encoding="utf-8",
        errors="surrogateescape",
        newline="",
    )
    records = _Records(text, reading)
    shape, found = _header(records, reading)
    header = records.header
    places = [header.index(name) for name in shape.columns]
    rows: list[tuple[int, str, str | None]] = []
    columns: list[list[str | None]] = [[] for _ in places]
    size = 0
    for number, (original, broken, fields) in enumerate(records, start=1):
        if not fields and not broken:
            continue
        if not original.isascii() and (plain := clean(original)) != original:
            original, broken = plain, broken or NOT_UTF8
        rows.append((number, original, broken))
        if broken:
            for column in columns:
                column.append(None)
        else:
            for column, place in zip(columns, places, strict=True):
                column.append(fields[place] or None)
        size += len(original)
        if len(rows) == BLOCK_ROWS or size > BLOCK_BYTES:
            yield text_block(shape, rows, columns, _counts(found, len(rows)))
            rows, columns, size = [], [[] for _ in places], 0
    yield text_block(shape, rows, columns, _counts(found, len(rows)))


def _header(records: "_Records", reading: Reading) -> tuple[Shape, tuple[str, ...]]:
    """The columns to read, and all that the file has."""
    original, broken, header = next(records, ("", None, []))
    if broken:
        raise Unreadable(f"unreadable csv: its header is {broken}")
    if not header:
        raise Unreadable("unreadable csv: there is no header")
    if clean(original) != original:
        raise Unreadable(
            f"its header is not UTF-8 ({clean(original)[:200]}): declare `encoding`, or send UTF-8"
        )
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise Unreadable(f"unreadable csv: {twice[0]!r} is twice in the header")
    if len(header) > MOST_COLUMNS:
        raise Unreadable(f"its header has {len(header):,} columns, more than {MOST_COLUMNS:,}")
    records.header = header
    wanted = [name for name in header if reading.others or name in reading.columns]
    return Shape("csv", tuple(wanted)), tuple(header)


def _counts(names: tuple[str, ...], rows: int) -> dict[str, int]:
    return dict.fromkeys(names, rows)


class _Records:
    """The records of a text; `header` says how many fields they have, once it is known."""

    def __init__(self, text: io.TextIOWrapper, reading: Reading) -> None:
        self.header: list[str] = []
        self._text, self._reading = text, reading
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._size = 0
        self._open()

    def _open(self) -> None:
        self._reader = csv.reader(self._feed(), delimiter=self._reading.delimiter, strict=True)

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        self._taken, self._size = [], 0
        try:
            fields = next(self._reader)
        except _TooLong as error:
            return self._broken(str(error))
        except csv.Error as error:
            return self._broken(f"malformed CSV ({error})")
        if self.header and fields and len(fields) != len(self.header):
            return self._broken(f"{len(self.header)} fields expected")
        return "".join(self._taken).rstrip("\r\n"), None, fields

    def _broken(self, why: str) -> Record:
        """The first line of what was taken, and the others to be read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        self._open()
        return self._taken[0].rstrip("\r\n"), why, []

    def _feed(self) -> Iterator[str]:
        longest = self._reading.longest
        while line := self._again.popleft() if self._again else self._text.readline(longest + 1):
            self._size += len(line)
            if len(line) > longest:
                line = self._cut(line)
            self._taken.append(line)
            if self._size > longest or isinstance(line, _Cut):
                raise _TooLong(too_long(longest))
            yield line

    def _cut(self, line: str) -> "_Cut":
        """The start of a line of which only a part was read; its rest is passed over."""
        start = _Cut(line[:SHOWN])
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(self._reading.longest)
        return start


class _Cut(str):
    """The start of a line that is too long."""


class _TooLong(Exception):
    """A record that is longer than rows may be."""


class _Raw(io.RawIOBase):
    """A stream with only `read`, for Python's own buffers."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)
