"""Running sums of weights at a few positions of a fixed order, for hundreds of sets of weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from lakehouse.evaluation.arrays import Floats, Ints


@dataclass(frozen=True, eq=False)
class RunningSums:
    """The weight before each of some positions of an order of rows.

    The rows between two positions are summed in the order in which they are stored, which is much
    faster than to sort weights. Sums of whole numbers, such as those of resamples, are exact.
    """

    part: Ints
    parts: int
    asked: Ints

    @classmethod
    def of(cls, order: Ints, positions: Ints) -> Self:
        """Sums at `positions`, from 0 to the number of rows, of rows in this `order` (rows,)."""
        bounds, asked = np.unique(positions, return_inverse=True)
        part = np.empty(len(order), dtype=np.int64)
        part[order] = np.searchsorted(bounds, np.arange(len(order)), side="right")
        return cls(part, len(bounds) + 1, asked)

    def before(self, weights: Floats) -> Floats:
        """The summed `weights` (rows,) of the rows before each position, (positions,)."""
        parts = np.asarray(np.bincount(self.part, weights, self.parts), dtype=np.float64)
        return np.cumsum(parts)[self.asked]
