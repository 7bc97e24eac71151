"""Lines of a stream of bytes, of bounded length."""

from collections.abc import Iterator
from typing import Any

from lakehouse.sources.reading.tables import BLOCK_BYTES, SHOWN, too_long

Line = tuple[bytes, str | None]
"""A line without its end, and why it is broken (or None)."""


def read_lines(stream: Any, longest: int) -> Iterator[tuple[int, list[Line]]]:
    """Blocks of lines, with the number of the first. Lines that are too long are cut."""
    first, rest, cut = 1, b"", False
    while block := stream.read(BLOCK_BYTES):
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        lines = [_line(piece, longest) for piece in pieces]
        if cut and lines:
            lines[0] = (lines[0][0][:SHOWN], too_long(longest))
        cut = cut and not lines
        if len(rest) > longest:
            rest, cut = rest[:SHOWN], True
        if lines:
            yield first, lines
            first += len(lines)
    if rest:
        yield first, [(rest[:SHOWN], too_long(longest)) if cut else _line(rest, longest)]


def _line(piece: bytes, longest: int) -> Line:
    return (piece, None) if len(piece) <= longest else (piece[:SHOWN], too_long(longest))
