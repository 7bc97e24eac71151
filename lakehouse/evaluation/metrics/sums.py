"""Weighted sums and ratios, the building blocks of metrics."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Floats


def weighted_sum(weights: Floats, values: npt.NDArray[Any]) -> float:
    """Sum of weighted values. Not `@`, whose last bits depend on the number of threads."""
    return float(np.sum(weights * values))


def ratio(part: float, whole: float) -> float:
    """Part over whole; NaN if the whole is zero."""
    return part / whole if whole else float("nan")


def weighted_mean(weights: Floats, values: npt.NDArray[Any]) -> float:
    """Mean of weighted values; NaN if the total weight is zero."""
    return ratio(weighted_sum(weights, values), float(np.sum(weights)))


def running_sum(values: Floats) -> Floats:
    """The sum of the first n values, for n from 0 to all of them."""
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    return total
