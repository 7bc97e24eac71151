"""Conversion of numbers from the lake."""

from typing import Any

import numpy as np

from lakehouse.models.tasks.task import Array


def floats_or_nan(values: Any) -> Array:
    """A masked column as floats, NaN where there is no value."""
    return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
