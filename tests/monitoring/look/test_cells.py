import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.monitoring.look.cells import FIRST, MISSING, UNSEEN, number_cells, text_cells

floats = st.floats(width=32, allow_nan=True, allow_infinity=False)


def slot_in_plain_python(value, edges):
    if value is None or math.isnan(value):
        return MISSING
    return FIRST + sum(value > edge for edge in edges)


@settings(max_examples=50)
@given(st.lists(floats, max_size=200), st.lists(st.none() | floats, max_size=50))
def test_every_number_falls_into_the_cell_that_plain_python_computes(sample, values):
    cells = number_cells(np.array(sample, dtype=np.float32))
    array = pa.array(values, pa.float32())
    assert list(cells.slot_of(array)) == [slot_in_plain_python(v, cells.edges) for v in values]
    assert len(cells.labels) == cells.slots


@settings(max_examples=50)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=200))
def test_values_outside_the_sample_have_cells_of_their_own(sample):
    cells = number_cells(np.array(sample, dtype=np.float32))
    slots = cells.slot_of(pa.array([*sample, -6, 6], pa.float32()))
    assert slots[-2] == FIRST
    assert slots[-1] == cells.slots - 1
    assert not set(slots[:-2]) & {slots[-2], slots[-1]}


def test_cells_hold_equally_many_values_of_the_sample():
    sample = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    cells = number_cells(sample)
    (counts,) = cells.count(pa.array(sample), np.zeros(len(sample), dtype=np.int64), 1)
    assert counts[FIRST] == 0
    assert counts[FIRST + 1] == 1
    assert all(998 <= count <= 1002 for count in counts[FIRST + 2 : -1])


def test_a_flag_has_a_cell_for_each_value_however_rare():
    sample = np.zeros(10_000, dtype=np.float32)
    sample[:3] = 1
    cells = number_cells(sample)
    slots = cells.slot_of(pa.array([0.0, 1.0], pa.float32()))
    assert slots[0] != slots[1]


def test_a_text_is_known_unseen_or_missing():
    cells = text_cells(("chip", "online"))
    slots = cells.slot_of(pa.array(["online", None, "wallet", "chip"], pa.string()))
    assert list(slots) == [FIRST + 1, MISSING, UNSEEN, FIRST]


@pytest.mark.parametrize("sample", [[], [math.nan, math.nan]])
def test_a_column_without_values_can_be_counted(sample):
    cells = number_cells(np.array(sample, dtype=np.float32))
    assert list(cells.slot_of(pa.array([None, 3.0], pa.float32()))) == [MISSING, cells.slots - 1]


def test_groups_are_counted_separately():
    cells = text_cells(("a", "b"))
    group = np.array([0, 2, 2, 2])
    counts = cells.count(pa.array(["a", "b", "b", None]), group, 3)
    assert counts.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 2]]
