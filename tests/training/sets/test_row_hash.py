from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.training.sets.row_hash import content_hash

ROWS = pa.table(
    {
        "key": pa.array([1, 2, 3], pa.int64()),
        "x": pa.array([0.5, None, -1.0], pa.float32()),
        "text": pa.array(["a", None, "bc"]),
        "when": pa.array([datetime(2026, 1, d) for d in (1, 2, 3)], pa.timestamp("us")),
        "flag": pa.array([True, None, False]),
    }
)


def digest(table):
    return content_hash(table.to_batches(), table.schema)[0]


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=10))
def test_the_hash_does_not_depend_on_batches(sizes):
    table = pa.concat_tables([ROWS] * 4)
    batches, start = [], 0
    for size in [*sizes, table.num_rows]:
        batches += table.slice(start, size).combine_chunks().to_batches()
        start = min(start + size, table.num_rows)
    assert content_hash(batches, table.schema) == (digest(table), table.num_rows)


CHANGES = {
    "order": ROWS.take([1, 0, 2]),
    "a value": ROWS.set_column(1, "x", pa.array([0.5, None, -1.5], pa.float32())),
    "a missing value that becomes zero": ROWS.set_column(
        1, "x", pa.array([0.5, 0.0, -1.0], pa.float32())
    ),
    "where a text ends": ROWS.set_column(2, "text", pa.array(["ab", None, "c"])),
    "a column's name": ROWS.rename_columns(["key", "y", "text", "when", "flag"]),
    "a column's type": ROWS.set_column(1, "x", ROWS["x"].cast(pa.float64())),
    "one row less": ROWS.slice(0, 2),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_every_change_of_rows_or_columns_changes_the_hash(changed):
    assert digest(changed) != digest(ROWS)


def test_the_hash_is_the_same_in_every_release():
    """Versions pin it: this value may only change with a decision and a migration."""
    table = pa.table({"a": np.arange(3), "b": ["x", "y", None]})
    assert digest(table) == "197f47a2297161ee10371531cd5fb66b018e2ebeb58be5edb90ba4251f4c5746"
