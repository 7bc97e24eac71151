"""Lines of a stream of bytes, of bounded length."""

from collections.abc import Iterator
from typing import Any

from lakehouse.sources.reading.tables import BLOCK_BYTES, CUT_LENGTH, too_long

Line = tuple[bytes, str | None]
"""A line without its end, and why it is broken (or None)."""


def read_lines(stream: Any, limit: int) -> Iterator[tuple[int, list[Line]]]:
    """Blocks of lines, with the number of the first. Lines that are too long are cut."""
    first, rest, cut = 1, b"", False
    while block := stream.read(BLOCK_BYTES):
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        lines = [_line(piece, limit) for piece in pieces]
        if cut and lines:
            lines[0] = (lines[0][0][:CUT_LENGTH], too_long(limit))
        cut = cut and not lines
        if len(rest) > limit:
            rest, cut = rest[:CUT_LENGTH], True
        if lines:
            yield first, lines
            first += len(lines)
    if rest:
        yield first, [(rest[:CUT_LENGTH], too_long(limit)) if cut else _line(rest, limit)]


def _line(piece: bytes, limit: int) -> Line:
    return (piece, None) if len(piece) <= limit else (piece[:CUT_LENGTH], too_long(limit))
