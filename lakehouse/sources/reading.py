"""Landed files as Arrow tables of text: every row with its number and, for bad ones, its text.

Nothing is judged here but whether a file can be read at all; types are for `checking.py`.

Each table has `_row` (1-based: the line of JSON Lines, the record of a CSV below its header, the
row of a Parquet file), `_text` (the original, NULL for Parquet), `_broken` (why the row has no
columns, or NULL) and, but for JSON, the file's columns as `c0`, `c1`, ...
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = 8 << 20
_ROWS = 1 << 16


class Unreadable(Exception):
    """A file as a whole cannot be read; the message is the reason kept in the manifest."""


@dataclass(frozen=True)
class Shape:
    """What tables must share to be checked together: the format, and the columns in order."""

    format: str
    columns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


def file_format(name: str) -> str:
    """The format a file's name ends in, compression aside. Raises `Unreadable`."""
    parts = name.removesuffix(".gz").removesuffix(".zst").rsplit(".", 1)
    if len(parts) < 2 or parts[1] not in ("jsonl", "csv", "parquet"):
        raise Unreadable("its name ends in none of .jsonl, .csv, .parquet (with .gz or .zst)")
    return parts[1]


def read_file(path: Path, format: str, delimiter: str) -> Iterator[tuple[Shape, Any]]:
    """The tables of one file, a bounded number of bytes each, in order.

    Raises:
        Unreadable: before or between tables, when the rest cannot be read.
    """
    import pyarrow as pa

    if path.stat().st_size == 0:
        raise Unreadable("the file is empty (0 bytes)")
    try:
        if format == "parquet":
            yield from _parquet(path)
            return
        compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
        with pa.input_stream(str(path), compression=compression) as stream:
            yield from _json_lines(stream) if format == "jsonl" else _csv(stream, delimiter)
    except (pa.ArrowException, OSError, EOFError, csv.Error) as error:
        raise Unreadable(f"unreadable {format}: {str(error).splitlines()[0]}") from error


def _json_lines(stream: Any) -> Iterator[tuple[Shape, Any]]:
    first, rest = 1, b""
    while block := stream.read(_BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if lines:
            yield Shape("jsonl"), _lines(lines, first)
            first += len(lines)
    if rest:
        yield Shape("jsonl"), _lines([rest], first)


def _lines(lines: list[bytes], first: int) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if first == 1:
        lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
    numbers = pa.array(np.arange(first, first + len(lines)))
    try:
        texts = pa.array(lines, pa.binary()).cast(pa.string())
        broken = pa.nulls(len(lines), pa.string())
    except pa.ArrowInvalid:
        decoded = [line.decode(errors="replace") for line in lines]
        texts = pa.array(decoded, pa.string())
        same = (text.encode() == line for text, line in zip(decoded, lines, strict=True))
        broken = pa.array([None if ok else "not UTF-8" for ok in same], pa.string())
    table = pa.table({"_row": numbers, "_text": texts, "_broken": broken})
    blank = pc.equal(pc.binary_length(pc.ascii_trim_whitespace(texts)), 0)
    return table.filter(pc.invert(blank)) if pc.any(blank).as_py() else table


def _csv(stream: Any, delimiter: str) -> Iterator[tuple[Shape, Any]]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines: list[str] = []

    def remembered() -> Iterator[str]:
        for line in text:
            lines.append(line)
            yield line

    records = csv.reader(remembered(), delimiter=delimiter)
    header = next(records, None)
    if not header:
        raise Unreadable("unreadable csv: there is no header")
    if len(set(header)) < len(header):
        raise Unreadable("unreadable csv: a column is twice in the header")
    lines.clear()
    shape = Shape("csv", tuple(header))
    rows: list[tuple[Any, ...]] = []
    missing = (None,) * len(header)
    for number, fields in enumerate(records, start=1):
        original = "".join(lines).rstrip("\r\n")
        lines.clear()
        if not fields:
            continue
        broken = None
        if len(fields) != len(header):
            broken = f"{len(header)} fields expected"
        elif not original.isascii() and (plain := _replaced(original)) != original:
            original, broken = plain, "not UTF-8"
        if broken:
            rows.append((number, _replaced(original), broken, *missing))
        else:
            rows.append((number, original, None, *(field or None for field in fields)))
        if len(rows) == _ROWS:
            yield shape, _records(rows, len(header))
            rows = []
    yield shape, _records(rows, len(header))


def _replaced(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _records(rows: list[tuple[Any, ...]], width: int) -> Any:
    import pyarrow as pa

    names = ["_row", "_text", "_broken", *(f"c{index}" for index in range(width))]
    types = [pa.int64()] + [pa.string()] * (width + 2)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table([pa.array(*pair) for pair in zip(columns, types, strict=True)], names=names)


def _parquet(path: Path) -> Iterator[tuple[Shape, Any]]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        shape = Shape("parquet", tuple(schema.names), tuple(map(str, schema.types)))
        names = [f"c{index}" for index in range(len(schema))]
        first = 1
        for batch in file.iter_batches(_ROWS):
            table = pa.Table.from_batches([batch]).replace_schema_metadata().rename_columns(names)
            nothing = pa.nulls(len(table), pa.string())
            for name, values in {
                "_broken": nothing,
                "_text": nothing,
                "_row": pa.array(np.arange(first, first + len(table))),
            }.items():
                table = table.add_column(0, name, values)
            yield shape, table
            first += len(table)
