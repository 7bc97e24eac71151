"""Parquet: columns whose types DuckDB can use directly keep them; the others become text.

Batches are bounded by the decoded size of their rows: a dictionary of a few long texts turns a
small file into gigabytes.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lakehouse.sources.reading.tables import (
    BLOCK_BYTES,
    BLOCK_ROWS,
    MAX_COLUMNS,
    NOT_UTF8,
    Block,
    Reading,
    Shape,
    Unreadable,
    names,
    too_long,
)

SMALL_BLOCK_ROWS = 256
"""Rows of a block with columns whose size is unknown until they are decoded."""
MAX_CHUNK_BYTES = 1 << 30
"""Uncompressed bytes of one column in one row group; a file above this is not read."""


def read_parquet(path: Path, reading: Reading) -> Iterator[Block]:
    """The blocks of a file; only the requested columns are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as raw, pq.ParquetFile(raw) as file:
        fields = list(file.schema_arrow)
        every = [field.name for field in fields]
        if duplicates := [name for name in every if every.count(name) > 1]:
            raise Unreadable(f"unreadable parquet: the column {duplicates[0]!r} appears twice")
        if len(every) > MAX_COLUMNS:
            raise Unreadable(f"it has {len(every):,} columns, more than {MAX_COLUMNS:,}")
        leaves = [file.schema.column(place) for place in range(len(file.schema))]
        old_times = {c.path.split(".")[0] for c in leaves if c.physical_type == "INT96"}
        # an undeclared column is not required, so one that cannot be read is left out
        selected = [
            f
            for f in fields
            if f.name in reading.columns
            or (reading.all_columns and _is_readable(f.type) and f.name not in old_times)
        ]
        if lossy := [f.name for f in selected if f.name in old_times]:
            raise Unreadable(
                f"its column {lossy[0]!r} is INT96, a time that cannot be read exactly: write "
                "TIMESTAMP (in Spark, spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS)"
            )
        texts = [
            f.name for f in selected if pa.types.is_string(f.type) or pa.types.is_binary(f.type)
        ]
    first = 1
    with path.open("rb") as raw, pq.ParquetFile(raw, read_dictionary=texts) as file:
        selected_names = [f.name for f in selected]
        # columns that are not read as dictionaries have an unknown size until they are decoded
        max_rows = (
            BLOCK_ROWS
            if all(f.name in texts or _is_exact(f.type) for f in selected)
            else SMALL_BLOCK_ROWS
        )
        for group in range(file.num_row_groups):
            rows = min(_rows_at_once(file.metadata.row_group(group), set(selected_names)), max_rows)
            for batch in file.iter_batches(rows, row_groups=[group], columns=selected_names):
                for part in _parts(batch, reading.max_row_bytes):
                    found = dict.fromkeys(every, part.num_rows)
                    yield _block(part, selected_names, first, found, reading)
                    first += part.num_rows
        if first == 1:
            empty = file.schema_arrow.empty_table().select(selected_names).combine_chunks()
            yield _block(empty, selected_names, 1, dict.fromkeys(every, 0), reading)


def _rows_at_once(group: Any, selected: set[str]) -> int:
    """How many rows of a row group make a block, by the uncompressed size of its pages."""
    taken = 0
    for index in range(group.num_columns):
        chunk = group.column(index)
        path = chunk.path_in_schema
        if path not in selected and path.split(".")[0] not in selected:
            continue
        taken += chunk.total_uncompressed_size
        if chunk.total_uncompressed_size > MAX_CHUNK_BYTES:
            raise Unreadable(
                f"its column {path!r} takes {chunk.total_uncompressed_size:,} bytes"
                f" in one row group, more than {MAX_CHUNK_BYTES:,}: write smaller row groups"
            )
    return int(max(1, min(BLOCK_ROWS, group.num_rows * 4 * BLOCK_BYTES // max(taken, 1))))


def _parts(batch: Any, limit: int) -> Iterator[Any]:
    """The batch in parts that stay small when their dictionaries are decoded."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            sizes += np.minimum(pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False), limit)
    part = np.cumsum(sizes) // (4 * BLOCK_BYTES)
    starts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), batch.num_rows]
    for start, end in itertools.pairwise(starts):
        if end > start:
            yield batch.slice(start, end - start)


def _block(
    part: Any, columns_of: list[str], first: int, found: dict[str, int], reading: Reading
) -> Block:
    import numpy as np
    import pyarrow as pa

    rows = part.num_rows
    broken: list[str | None] = [None] * rows
    columns = [
        _plain(name, column, broken, reading)
        for name, column in zip(columns_of, part.columns, strict=True)
    ]
    head = [
        pa.array(np.arange(first, first + rows), pa.int64()),
        pa.nulls(rows, pa.string()),
        pa.array(broken, pa.string()),
    ]
    table = pa.table([*head, *columns], names=names(len(columns)))
    # the current types: they can differ from part to part
    shape = Shape("parquet", tuple(columns_of), tuple(str(column.type) for column in columns))
    return Block(shape, table, found)


def _plain(name: str, column: Any, broken: list[str | None], reading: Reading) -> Any:
    """The column in a type that DuckDB reads exactly; rows without a valid text are broken.

    In an undeclared column, bytes that are not text become hex digits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    limit = reading.max_row_bytes
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())
    if isinstance(kind, pa.BaseExtensionType):
        column, kind = column.storage, column.storage.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(column.dictionary) if _is_text(kind.value_type) else None
        if lengths is not None and (pc.max(lengths).as_py() or 0) > limit:
            for row, long in enumerate(pc.greater(lengths.take(column.indices), limit).to_pylist()):
                if long:
                    broken[row] = too_long(limit)
            column = pc.if_else(
                pa.array([why is None for why in broken]), column, pa.scalar(None, kind)
            )
        column, kind = column.dictionary_decode(), kind.value_type
    is_declared = name in reading.columns
    if _is_text(kind):
        return _utf8(column, broken if is_declared else None, broken, limit)
    if pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        return _in_supported_years(column, broken if is_declared else None)
    if _is_exact(kind):
        return column
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_decimal(kind) or pa.types.is_time(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_nested(kind):
        values = [
            None if v is None else json.dumps(v, default=_json_text) for v in column.to_pylist()
        ]
        return _utf8(pa.array(values, pa.string()), None, broken, limit)
    raise Unreadable(
        f"its column {name!r} is of type {kind}, which is not supported: send it as text"
    )


def _is_readable(kind: Any) -> bool:
    """Whether `_plain` supports a type."""
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return isinstance(kind, pa.UuidType) or _is_readable(kind.storage_type)
    if types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    known = (_is_exact, _is_text, types.is_float16, types.is_decimal, types.is_time)
    return any(is_one(kind) for is_one in (*known, types.is_null, types.is_nested))


def _is_exact(kind: Any) -> bool:
    """Whether DuckDB reads the type exactly."""
    import pyarrow as pa

    types = pa.types
    return any(
        is_one(kind)
        for is_one in (
            *(types.is_boolean, types.is_integer, types.is_float32, types.is_float64),
            *(types.is_date, types.is_timestamp, types.is_decimal128),
        )
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return any(
        is_one(kind)
        for is_one in (
            *(types.is_string, types.is_large_string, types.is_string_view),
            *(types.is_binary, types.is_large_binary, types.is_binary_view),
            types.is_fixed_size_binary,
        )
    )


def _json_text(value: Any) -> str:
    """The text of a nested value that JSON cannot represent."""
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


_SECONDS = (-62_135_596_800, 253_402_300_800)
"""The years 1 to 9999, in seconds from 1970; the end is exclusive."""
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6}


def _in_supported_years(column: Any, broken: list[str | None] | None) -> Any:
    """Dates and times within the range of DuckDB and Python, in microseconds or without a zone.

    A time in nanoseconds with a zone would lose digits, and one out of range would stop the whole
    load: a declared one breaks its row, an undeclared column becomes the text of its stored number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("ns", kind.tz)).view(pa.int64()).view(pa.timestamp("ns"))
    if pa.types.is_date32(kind):
        numbers, low, high = (
            column.view(pa.int32()).cast(pa.int64()),
            *(second // 86_400 for second in _SECONDS),
        )
    else:
        numbers, low, high = (
            column.view(pa.int64()),
            *(second * _UNITS[kind.unit] for second in _SECONDS),
        )
    is_supported = pc.and_(pc.greater_equal(numbers, low), pc.less(numbers, high))
    if pc.all(is_supported).as_py() is not False:
        return column
    if broken is None:
        return numbers.cast(pa.string())
    for row, is_one_supported in enumerate(is_supported.to_pylist()):
        if is_one_supported is False:
            broken[row] = "a time outside the years 1 to 9999"
    return pc.if_else(is_supported, column, pa.scalar(None, kind))


def _utf8(
    column: Any, undecoded: list[str | None] | None, broken: list[str | None], limit: int
) -> Any:
    """Texts, which Parquet stores as unchecked bytes; no longer than rows may be."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if pa.types.is_string_view(column.type):
        column, is_text = column.cast(pa.large_string()), True
    raw = column.cast(pa.large_binary()) if is_text else column
    if pa.types.is_binary_view(raw.type) or pa.types.is_fixed_size_binary(raw.type):
        raw = raw.cast(pa.binary())
    lengths = pc.binary_length(raw)
    if (pc.max(lengths).as_py() or 0) > limit:
        for row, length in enumerate(lengths.to_pylist()):
            if length is not None and length > limit:
                broken[row] = too_long(limit)
        raw = pc.if_else(pc.less_equal(lengths, limit), raw, pa.scalar(None, raw.type))
    try:
        return raw.cast(pa.binary()).cast(pa.string())  # the cast checks the bytes
    except pa.ArrowInvalid:
        texts: list[str | None] = []
        for row, data in enumerate(raw.to_pylist()):
            text = None if data is None else data.decode(errors="replace")
            if text is not None and text.encode() != data:
                if undecoded is None:
                    text = f"\\x{data.hex()}"
                else:
                    undecoded[row] = NOT_UTF8
            texts.append(text)
        return pa.array(texts, pa.string())
