"""Lots: a number from 0 to 1 for each row, drawn from its key, to decide between equal scores.

The same key always draws the same lot, in a batch or in one request, independent of other rows.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.evaluation.periods import DAY
from lakehouse.models.imbalance import pseudo_random
from lakehouse.models.spec import ModelSpec

Floats = npt.NDArray[np.float64]


def draw_lots(
    spec: ModelSpec,
    keys: pa.Array | pa.ChunkedArray,
    units: pa.Array | pa.ChunkedArray | None,
    days: Sequence[int],
) -> Floats:
    """The lots of rows with these keys, (rows,) in [0, 1), and with these `days` since 1970.

    If capacity counts `units`, all rows of a unit and day (week) share one lot, and draw a new one
    the next day (week).
    """
    if units is None:
        return _uniform(numbers(keys), spec.seed)
    unit_numbers = pseudo_random(numbers(units), spec.seed).astype(np.int64)
    period = spec.capacity.period if spec.capacity else DAY
    periods = np.asarray(period.of(np.asarray(days, dtype=np.int64)), dtype=np.int64)
    return _uniform(unit_numbers ^ periods, spec.seed)


def numbers(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Whole numbers unchanged; for other values, the BLAKE2b hash of their text in eight bytes."""
    if pa.types.is_integer(values.type):
        return np.asarray(values.cast(pa.int64()).fill_null(-1))
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    coded = values.cast(pa.string()).fill_null("").dictionary_encode()
    digests = [
        hashlib.blake2b(text.encode(), digest_size=8).digest()
        for text in coded.dictionary.to_pylist()
    ]
    hashes = np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)
    return np.asarray(hashes[coded.indices.to_numpy()])


def lots_by_position(rows: int, seed: int) -> Floats:
    """Lots of rows identified by their position in the order of keys, (rows,)."""
    return _uniform(np.arange(rows, dtype=np.int64), seed)


def _uniform(numbers: npt.NDArray[np.int64], seed: int) -> Floats:
    return np.asarray((pseudo_random(numbers, seed) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)
