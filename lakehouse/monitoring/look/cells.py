"""Cells into which a column's values are counted: fixed by the reference, and reused from then on.

`distance.py` compares the counts; `reference.py` and `drift.py` store them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.models.schema import Kind

MISSING, UNSEEN, FIRST = 0, 1, 2
"""Slots of a column's counts: missing values, unseen categories, and the cells from `FIRST` on."""

BINS = 20

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Cells of one column.

    Numbers: cell i holds values above `edges[i - 1]` up to and including `edges[i]`, and the
    outermost cells are open. Texts: a cell for each of `values`.
    """

    kind: Kind
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """The length of a vector of counts."""
        return FIRST + (len(self.edges) + 1 if self.kind == "number" else len(self.values))

    @property
    def labels(self) -> list[str]:
        """A description of each slot."""
        if self.kind == "category":
            return ["missing", "unseen", *self.values]
        # the first edge lies just below the smallest value: a cell for values below the training
        # minimum
        texts = [f"{edge:.3g}" for edge in self.edges[1:]]
        return ["missing", "unseen", f"< {texts[0]}", *texts, f"> {texts[-1]}"]

    def slot_of(self, values: pa.Array) -> npt.NDArray[np.integer[Any]]:
        """The slot of each value, (rows,); NaN counts as missing."""
        if self.kind == "category":
            found = pc.index_in(values, pa.array(self.values, pa.string()))
            known = pc.fill_null(pc.add(found, FIRST), UNSEEN).to_numpy(zero_copy_only=False)
            present = values.is_valid().to_numpy(zero_copy_only=False)
            return np.where(present, known, MISSING)
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        # one comparison per edge is six times as fast as a search for each value's position
        slot = np.full(len(numbers), FIRST, dtype=np.uint8)
        for edge in np.asarray(self.edges, dtype=np.float32):
            slot += numbers > edge
        slot[np.isnan(numbers)] = MISSING
        return slot

    def count(self, values: pa.Array, group: npt.NDArray[np.int64], groups: int) -> Counts:
        """The number of values in each slot, (groups, slots); `group` (rows,) is below `groups`."""
        flat = np.bincount(group * self.slots + self.slot_of(values), minlength=groups * self.slots)
        return flat.reshape(groups, self.slots)


def number_cells(sample: npt.NDArray[np.floating[Any]]) -> Cells:
    """About twenty cells with equally many values of `sample` (rows,), and one beyond either end.

    A value that fills several cells gets its own cell, and the smallest value always does.
    """
    known = sample[~np.isnan(sample)].astype(np.float32)
    if not len(known):
        known = np.zeros(1, dtype=np.float32)
    inner = np.quantile(known, np.linspace(0, 1, BINS + 1), method="inverted_cdf")
    with np.errstate(over="ignore"):  # the value below the smallest float is minus infinity
        below = np.nextafter(inner[0], np.float32(-np.inf))
    return Cells("number", edges=tuple(float(edge) for edge in np.unique([below, *inner])))


def text_cells(values: Sequence[str]) -> Cells:
    """A cell for each of the values in the training set."""
    return Cells("category", values=tuple(values))
