"""Values survive their codes, which have the order of the values."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.features.values import encode

KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "integer": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "double": (pa.float64(), st.floats(allow_nan=False).map(lambda value: value + 0.0)),
    "boolean": (pa.bool_(), st.booleans()),
    "text": (pa.string(), st.text(max_size=3)),
    "timestamp": (pa.timestamp("us"), st.datetimes()),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_codes_have_the_order_of_the_values_and_decode_to_the_same_bits(
    kind: str, data: st.DataObject
) -> None:
    arrow, values = KINDS[kind]
    chunks = data.draw(st.lists(st.lists(st.none() | values, max_size=8), max_size=3))
    column = pa.chunked_array([pa.array(chunk, arrow) for chunk in chunks], arrow)
    encoded = encode(column)
    valid = encoded.valid if encoded.valid is not None else np.ones(len(column), bool)
    assert encoded.codes.dtype == np.int64
    assert encoded.decode(encoded.codes, encoded.valid).equals(
        pa.concat_arrays(column.chunks) if chunks else pa.array([], arrow)
    )
    plain = column.to_pylist()
    known = [i for i in range(len(plain)) if valid[i]]
    assert known == [i for i, value in enumerate(plain) if value is not None]
    for i in known:
        for j in known:
            assert (encoded.codes[i] < encoded.codes[j]) == (_order(plain[i]) < _order(plain[j]))


def _order(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def test_a_column_of_time_keeps_its_unit() -> None:
    column = pa.chunked_array([pa.array([datetime(2026, 1, 1), None], pa.timestamp("us"))])
    encoded = encode(column)
    assert encoded.codes[0] == 1767225600 * 10**6
    assert encoded.decode(encoded.codes, encoded.valid).type == pa.timestamp("us")
