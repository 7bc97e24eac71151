"""The form of files, from their first bytes: format, encoding, delimiter."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.scaffolding.errors import ScaffoldingError

DELIMITERS = (",", ";", "\t", "|")
_ENCODINGS = ("utf-8", "cp1252", "latin-1")
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_HEAD = 8 << 20
"""Bytes of a file by which its encoding is chosen."""
_LINES = 50
_REFUSED = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save the sheet as CSV",
    b"SQLite format 3": "an SQLite database; declare a source with `connector: {kind: database}`",
    b"%PDF": "a PDF; save its table as CSV",
}
_VALUE = re.compile(r"[-+]?[\d.,:/ eETZ+-]*\d[\d.,:/ eETZ+-]*")


@dataclass(frozen=True)
class Form:
    """How files are read. `format` is that of the contents, whatever the names end in."""

    format: str
    delimiter: str = ","
    encoding: str = "utf-8"


def find_form(paths: Sequence[Path]) -> Form:
    """The form that all files share.

    Raises:
        ScaffoldingError: for a file of no known format, or one that differs from the first.
    """
    forms = {path: _format(path) for path in paths}
    first, format = next(iter(forms.items()))
    for path, other in forms.items():
        if other != format:
            raise ScaffoldingError(
                f"{path.name} is {other} and {first.name} is {format}; a source has files of one "
                "format: give one of them with --from"
            )
    if format == "parquet":
        return Form(format)
    encoding = _encoding(paths)
    delimiter = _delimiter(paths[0], encoding) if format == "csv" else ","
    return Form(format, delimiter, encoding)


def _format(path: Path) -> str:
    start = _head(path, 4_096, decompress=False)
    if not start:
        raise ScaffoldingError(f"{path} is empty; give a file with rows")
    if start.startswith(b"PAR1"):
        return "parquet"
    for magic, what in _REFUSED.items():
        if start.startswith(magic):
            raise ScaffoldingError(f"{path} is {what}")
    text = _head(path, 4_096).removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        raise ScaffoldingError(
            f"{path} is one JSON list; write an object a line (`jq -c '.[]' {path.name}`)"
        )
    if text.startswith(b"{"):
        return "jsonl"
    if text.startswith(b"<"):
        raise ScaffoldingError(f"{path} is HTML or XML; give CSV, JSON Lines or Parquet")
    return "csv"


def _encoding(paths: Iterable[Path]) -> str:
    """The first encoding in which every file's beginning is text."""
    left = list(_ENCODINGS)
    for path in paths:
        head = _head(path, _HEAD)
        for mark, encoding in _MARKS.items():
            if head.startswith(mark):
                return encoding
        left = [encoding for encoding in left if _is_text(head, encoding)]
    return left[0]


def _is_text(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter by which the first lines have the same number of fields, and the most."""
    decoder = codecs.getincrementaldecoder(encoding)()
    text = decoder.decode(_head(path, 1 << 18)).removeprefix("\ufeff")
    lines = [line for line in text.splitlines(keepends=True) if line.strip()][:_LINES]

    def fitness(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            return 0.0, 0
        width = widths[0] if widths else 1
        return sum(w == width for w in widths) / len(widths) if width > 1 else 0.0, width

    best = max(DELIMITERS, key=fitness)
    header = next(csv.reader(lines, delimiter=best), [])
    if header and all(_VALUE.fullmatch(name.strip()) for name in header):
        raise ScaffoldingError(
            f"the first line of {path} is a row and no header ({lines[0].strip()[:60]}); put the "
            "names of the columns above it"
        )
    return best


def _head(path: Path, size: int, *, decompress: bool = True) -> bytes:
    try:
        with _opened(path, decompress=decompress) as stream:
            return bytes(stream.read(size))
    except (OSError, EOFError, ValueError) as error:
        raise ScaffoldingError(f"cannot read {path}: {error}") from None


@contextmanager
def _opened(path: Path, *, decompress: bool) -> Iterator[Any]:
    import pyarrow as pa

    compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix) if decompress else None
    with path.open("rb") as file, pa.input_stream(file, compression=compression) as stream:
        yield stream
