"""Rows kept as columns: frozen dataclasses whose fields are NumPy arrays of one length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Array = NDArray[Any]


@dataclass(frozen=True)
class Columns:
    """The base: every field of a subclass is an array with one entry (or row) per row."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def arrays(self) -> dict[str, Array]:
        """The columns by name, in order."""
        return dict(vars(self))

    def take(self, selection: Ints | Bools | slice) -> Self:
        """The chosen rows, by position, mask or slice."""
        return type(self)(**{name: array[selection] for name, array in vars(self).items()})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """The rows of all parts, one after the other; there must be at least one part."""
        columns = [vars(part) for part in parts]
        return cls(**{name: np.concatenate([c[name] for c in columns]) for name in columns[0]})
