"""A hash of rows that depends only on their values and order.

DuckDB's version and threads, the batch size and the storage do not affect it. Each column has
separate SHA-256 digests: of one validity byte per row, and of its values (missing ones as zero) as
little-endian bytes. For texts these are the lengths, four bytes each, and the UTF-8 bytes. The hash
of the set is the SHA-256 over every column's name, type and digests, in order.
"""

import hashlib
import json
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def content_hash(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> tuple[str, int]:
    """The hash and the number of rows. Columns may be numbers, booleans, times and texts."""
    columns = {field.name: [hashlib.sha256() for _ in range(3)] for field in schema}
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            for digest, data in zip(columns[name], _canonical(values), strict=True):
                digest.update(data)
    content = [
        [field.name, str(field.type), *(digest.hexdigest() for digest in columns[field.name])]
        for field in schema
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest(), rows


def _canonical(values: pa.Array) -> tuple[bytes, bytes, bytes]:
    valid = values.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8).tobytes()
    if pa.types.is_string(values.type):
        texts = values.fill_null("")
        lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("<i4").tobytes()
        return valid, lengths, "".join(texts.to_pylist()).encode()
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False)
    return valid, b"", numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()
