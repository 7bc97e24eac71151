"""Test rows under failures: a source lost, a feature set stale, amounts manipulated.

Each function returns a changed copy of a matrix (rows, features) of floats, where NaN is missing,
and the share of rows that it changed. The caller scores the copy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Ints

Matrix = npt.NDArray[np.float32]
Change = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

ADVERSARIAL: Mapping[str, tuple[bool, Change]] = {
    "positives take half the amount": (True, lambda amount: amount / 2),
    "positives in round amounts (one digit)": (
        True,
        lambda amount: np.maximum(_round_to_one_digit(amount), 1.0),
    ),
    "positives just below the median positive": (
        True,
        lambda amount: np.minimum(amount, np.nanmedian(amount) - 1),
    ),
    "all amounts a hundred times too large": (False, lambda amount: amount * 100),
}
"""By name: whether only positives change (a fraudster chooses the amount; a wrong unit changes all
rows), and the change of the amount."""


def drop_columns(matrix: Matrix, columns: Sequence[int]) -> tuple[Matrix, float]:
    """These columns missing in every row, as when their source or feature set does not arrive."""
    changed = matrix.copy()
    before = ~np.isnan(matrix[:, columns])
    changed[:, columns] = np.nan
    return changed, _share(np.any(before, axis=1))


def delay_columns(
    matrix: Matrix,
    columns: Sequence[int],
    entity: Ints,
    day: Ints,
    amount: int | None = None,
    proportional: Sequence[int] = (),
) -> tuple[Matrix, float]:
    """These columns with the values of the entity's last row of an earlier day.

    This simulates a set that is a day behind from the test rows alone. For an entity that is rarely
    seen the lag is more than a day, and an entity without an earlier row keeps its values. A column
    of `proportional` is a multiple of the row's own `amount` (a column): it takes the earlier row's
    multiplier and keeps its own amount. Rows come in the order of their keys, so the last row of a
    day is the last one in order.
    """
    order = np.lexsort((np.arange(len(day)), day, entity))
    by_entity, by_day = entity[order], day[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(by_entity) != 0) | (np.diff(by_day) != 0)
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))  # of entity and day
    before = np.maximum(first - 1, 0)
    known = (first > 0) & (by_entity[before] == by_entity)
    rows, earlier = order[known], order[before[known]]
    changed = matrix.copy()
    changed[np.ix_(rows, columns)] = matrix[np.ix_(earlier, columns)]
    if amount is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = matrix[rows, amount] / matrix[earlier, amount]
        ratio = np.where(np.isfinite(ratio), ratio, 1.0)
        for column in set(proportional) & set(columns):
            own = matrix[rows] if column == amount else None
            changed[rows, column] = (
                matrix[earlier, column] * ratio if own is None else own[:, column]
            )
    differs = (changed != matrix) & ~(np.isnan(changed) & np.isnan(matrix))
    return changed, _share(differs.any(axis=1))


def change_amounts(
    matrix: Matrix, proportional: Sequence[int], rows: Bools, change: Change
) -> tuple[Matrix, float]:
    """Changed amounts in `rows` (a mask): the first column of `proportional` is the amount.

    The other columns are multiples of it and keep their multiplier. Effects of today's amount on
    the features of later rows are left out.
    """
    amount = matrix[:, proportional[0]].astype(np.float64)
    target = np.full(len(amount), np.nan)
    target[rows] = change(amount[rows]) if rows.any() else amount[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = target / amount
    ratio = np.where(rows & np.isfinite(ratio), ratio, 1.0)
    changed = matrix.copy()
    changed[:, proportional] = (matrix[:, proportional] * ratio[:, None]).astype(np.float32)
    return changed, _share(ratio != 1.0)


def _round_to_one_digit(amount: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 10.0 ** np.floor(np.log10(np.abs(amount)))
    return np.where(np.isfinite(power) & (power > 0), np.round(amount / power) * power, amount)


def _share(rows: npt.NDArray[Any]) -> float:
    return float(rows.mean()) if len(rows) else 0.0
