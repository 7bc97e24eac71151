"""Columns of Arrow as 64-bit integers in the order of their values, and back.

So the kernel knows one type. Texts are numbered within a column, so their codes compare only there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.features.kernel import Bools, Ints

Decode = Callable[[Ints, Bools | None], pa.Array]
"""Makes values of codes; the second array is false where the value is NULL (None: nowhere)."""


@dataclass(frozen=True)
class Column:
    """The codes of a column's values, where there are values (None: everywhere), and the decoder.

    The code of a missing value is arbitrary.
    """

    codes: Ints
    valid: Bools | None
    decode: Decode


def encode(column: pa.ChunkedArray) -> Column:
    """A column of integers, doubles (without NaN and -0.0), booleans, texts or timestamps."""
    valid = None
    if column.null_count:
        valid = pc.is_valid(column).to_numpy()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _encode_texts(column, valid)
    if pa.types.is_boolean(kind):
        codes = pc.fill_null(column, False).cast(pa.int64()).to_numpy()
        return Column(codes, valid, lambda c, v: integers(c, v).cast(pa.bool_()))
    if pa.types.is_floating(kind):
        codes = _in_order(pc.fill_null(column, 0.0).to_numpy().view(np.int64))
        return Column(codes, valid, lambda c, v: integers(_in_order(c), v).view(kind))
    codes = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    return Column(codes, valid, lambda c, v: integers(c, v).view(kind))


def integers(values: Ints, valid: Bools | None) -> pa.Array:
    """An Arrow array of these integers."""
    mask = None if valid is None or valid.all() else ~valid
    return pa.array(values, pa.int64(), mask=mask)


def _encode_texts(column: pa.ChunkedArray, valid: Bools | None) -> Column:
    indexed = column.dictionary_encode().unify_dictionaries()
    distinct = indexed.chunk(0).dictionary if indexed.num_chunks else pa.array([], column.type)
    order = pc.sort_indices(distinct)  # by bytes, as DuckDB and Python order texts
    rank = np.zeros(len(distinct) + 1, np.int64)
    rank[order.to_numpy()] = np.arange(len(distinct))
    index = [pc.fill_null(chunk.indices, len(distinct)).to_numpy() for chunk in indexed.chunks]
    codes = rank[np.concatenate(index)] if index else np.zeros(0, np.int64)
    ordered = distinct.take(order)
    return Column(codes, valid, lambda c, v: ordered.take(integers(c, v)))


def _in_order(bits: Ints) -> Ints:
    """Integers in the order of the doubles that have these bits, and back."""
    return bits ^ ((bits >> 63) & np.int64(2**63 - 1))
