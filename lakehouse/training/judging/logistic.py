"""The linear challenger: a regression without interactions that shows what the trees add.

It is fitted for each comparison and discarded; no version is of this kind. A model that does not
beat it on the same rows does not justify its complexity.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Floats
from lakehouse.models.schema import Matrix, in_range
from lakehouse.models.tasks import Task

FIT_ROWS = 100_000
"""More training rows than this are thinned evenly."""

_MAX_CODES = 20
_MAX_DEVIATION = 8.0


def challenger_scores(
    task: Task,
    train: Matrix,
    label: npt.NDArray[np.float64],
    scored: Matrix,
    *,
    categories: Sequence[int],
    classes: int,
) -> Floats:
    """Predictions for `scored` by a linear model of `train` (rows, features) and `label` (rows,).

    Logistic (binary; multinomial for several classes) or ridge regression of standardized columns.
    Missing values become the training median, and each common code of `categories` (positions of
    such features) has a column. Returns scores (rows,), probabilities (rows, `classes`), or
    forecasts.

    Raises:
        ValueError: when `label` has a single value and the task is not a regression.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    step = -(-max(len(train), 1) // FIT_ROWS)
    design = _Design(train[::step], categories)
    x, y, x_scored = design.columns(train[::step]), label[::step], design.columns(scored)
    # products this small are slower on several threads, and their last bits then vary
    with threadpool_limits(1, user_api="blas"):
        return task.fit_linear(x, y, x_scored, classes)


class _Design:
    """The design matrix of the linear model, with statistics of the training rows."""

    def __init__(self, train: Matrix, categories: Sequence[int]) -> None:
        self.numbers = [i for i in range(train.shape[1]) if i not in set(categories)]
        self.codes = {i: _common_codes(train[:, i]) for i in categories}
        values = train[:, self.numbers].astype(np.float64)
        known = [column[in_range(column)] for column in values.T]
        self.median = np.array([np.median(column) if len(column) else 0.0 for column in known])
        values = np.where(in_range(values), values, self.median)
        self.mean, self.scale = values.mean(axis=0), values.std(axis=0)
        self.scale[self.scale <= 1e-9 * np.abs(self.mean)] = np.inf  # drops constant columns

    def columns(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        values = matrix[:, self.numbers].astype(np.float64)
        values = np.where(in_range(values), values, self.median)
        # a single extreme row would dominate the fit, while trees are insensitive to it
        standard = np.clip((values - self.mean) / self.scale, -_MAX_DEVIATION, _MAX_DEVIATION)
        codes = [matrix[:, i] == code for i, common in self.codes.items() for code in common]
        return np.column_stack([standard, *codes])


def _common_codes(column: npt.NDArray[np.float32]) -> list[float]:
    codes, counts = np.unique(column[in_range(column)], return_counts=True)
    kept: list[float] = codes[np.argsort(-counts, kind="stable")][:_MAX_CODES].tolist()
    return kept
