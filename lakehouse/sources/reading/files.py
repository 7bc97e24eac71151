"""Reads one file of any format and compression: its blocks, or why it cannot be read."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.sources.reading.tables import BLOCK_BYTES, Block, Reading, Unreadable

_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


def file_format(name: str) -> str:
    """The format in a file's name, without compression. Raises `Unreadable`."""
    parts = name.removesuffix(".gz").removesuffix(".zst").rsplit(".", 1)
    if len(parts) < 2 or parts[1] not in ("jsonl", "csv", "parquet"):
        raise Unreadable(
            "its name does not end in .jsonl, .csv or .parquet (or that and .gz, .zst)"
        )
    return parts[1]


def read_file(
    path: Path, reading: Reading, scratch: duckdb.DuckDBPyConnection | None = None
) -> Iterator[Block]:
    """The blocks of one file in order, each of a bounded number of bytes.

    A `scratch` DuckDB, which nothing else may use meanwhile, makes JSON Lines faster.

    Raises:
        Unreadable: before or between blocks, when the rest cannot be read.
    """
    import pyarrow as pa

    if path.stat().st_size == 0:
        raise Unreadable("the file is empty (0 bytes)")
    try:
        if reading.format == "parquet":
            from lakehouse.sources.reading.parquet import read_parquet

            yield from read_parquet(path, reading)
            return
        compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
        # opened here, as Arrow accepts only names in UTF-8
        with path.open("rb") as file, pa.input_stream(file, compression=compression) as stream:
            yield from _read_text(_decoded(stream, reading), reading, scratch)
    # the errors of libraries for damaged input have no common base
    except (
        *(pa.ArrowException, OSError, EOFError, csv.Error, ValueError, LookupError, TypeError),
        *(ArithmeticError, MemoryError, RecursionError, AttributeError),
    ) as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unreadable(f"unreadable {reading.format}: {message}") from error


def _read_text(
    stream: Any, reading: Reading, scratch: duckdb.DuckDBPyConnection | None
) -> Iterator[Block]:
    if reading.format == "jsonl":
        from lakehouse.sources.reading.json_lines import read_json_lines

        return read_json_lines(stream, reading, scratch)
    from lakehouse.sources.reading.csv_records import read_csv

    return read_csv(stream, reading)


def _decoded(stream: Any, reading: Reading) -> Any:
    """The stream as UTF-8, without its byte order mark."""
    if codecs.lookup(reading.encoding).name != "utf-8":
        return _Recoded(stream, reading.encoding)
    start = stream.read(len(codecs.BOM_UTF8))
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            raise Unreadable(
                f"it is {encoding}, not UTF-8: declare `encoding: {encoding.lower()}`, or "
                "send UTF-8"
            )
    return _Prefixed(start.removeprefix(codecs.BOM_UTF8), stream)


class _Prefixed:
    """A stream preceded by `start`."""

    def __init__(self, start: bytes, stream: Any) -> None:
        self._start, self._stream = start, stream

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        start, self._start = self._start, b""
        more: bytes = self._stream.read(size - len(start))
        return start + more


class _Recoded:
    """A stream in another encoding, as UTF-8. Bytes outside that encoding are an error."""

    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        # a byte becomes at most three bytes
        while block := self._stream.read(max(size // 4, 1)):
            if text := self._decoder.decode(block):
                return text.encode()
        return self._decoder.decode(b"", True).encode()
