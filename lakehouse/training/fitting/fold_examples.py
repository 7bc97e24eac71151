"""A fold prepared for many fits: by trials, by selection, and for out-of-fold scores.

The matrix is extracted and binned once; only parameters change between fits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.models.columns import Columns, fit_columns
from lakehouse.models.imbalance import WeightedRows, balance, correct_odds, subsample
from lakehouse.models.schema import FeatureSchema, Matrix
from lakehouse.models.spec import ModelSpec
from lakehouse.training.fitting.boosting import Boosted, Examples, boost, dataset, stopping
from lakehouse.training.sets.folds import Fold
from lakehouse.training.sets.rows import Rows

_REUSABLE = {"feature_pre_filter": False}
"""Otherwise a smaller `min_data_in_leaf` would require binning again."""


@dataclass(frozen=True)
class FoldData:
    """A fold's training examples as the trees see them, and the rows that it scores."""

    spec: ModelSpec
    columns: Columns
    train: Examples
    odds: float
    scored: Rows

    @cached_property
    def tree_matrix(self) -> Matrix:
        """The scored rows as the trees see them."""
        return self.columns.matrix(self.scored.matrix)

    @cached_property
    def _data(self) -> Any:
        return dataset(self.train, self.columns.categorical, _REUSABLE, keep=True)

    @cached_property
    def _stop(self) -> Any:
        return stopping(self._data, self.tree_matrix, self.scored.label, self.odds)

    def fit(
        self, params: Mapping[str, Any], rounds: int, *, stop: bool, threads: int | None = None
    ) -> Boosted:
        """Fit; `stop` enables early stopping on the scored rows, whose scores are then optimistic.

        `threads` replaces the number in `params`.

        Raises:
            TrainingError: when LightGBM rejects a parameter.
        """
        given = {**params, **_REUSABLE}
        if threads is not None:
            given["num_threads"] = threads
        return boost(self.spec, given, self._data, rounds, self._stop if stop else None)

    def predict(
        self, boosted: Boosted, tree_matrix: Matrix | None = None
    ) -> npt.NDArray[np.float64]:
        """Predictions for the scored rows at the true base rate, not calibrated.

        `tree_matrix` replaces the matrix of these rows.
        """
        return correct_odds(
            boosted.predict(self.tree_matrix if tree_matrix is None else tree_matrix), self.odds
        )


def weight_rows(
    spec: ModelSpec, label: npt.NDArray[np.float64], share: float = 1.0
) -> WeightedRows:
    """The declared class balance, then only `share` of the commonest class."""
    balanced = balance(spec.imbalance, label, spec.seed)
    if share >= 1:
        return balanced
    positions = np.arange(len(label)) if balanced.positions is None else balanced.positions
    thinned = subsample(spec.task, label[positions], share, spec.seed)
    assert thinned.positions is not None
    weight = thinned.weight
    if balanced.weight is not None:
        weight = balanced.weight[thinned.positions] * (1.0 if weight is None else weight)
    return WeightedRows(positions[thinned.positions], weight, balanced.odds)


def examples(columns: Columns, rows: Rows, weighted: WeightedRows) -> Examples:
    """The training rows as the trees see them."""
    chosen = weighted.positions
    matrix, label = rows.matrix, rows.label
    if chosen is not None:
        matrix, label = matrix[chosen], label[chosen]
    return Examples(columns.matrix(matrix), label, weighted.weight)


def fold_data(
    spec: ModelSpec,
    schema: FeatureSchema,
    rows: Rows,
    fold: Fold,
    kept: Collection[str] | None = None,
    share: float = 1.0,
) -> FoldData:
    """Cut a fold out of the training rows; only its training part is used to fit columns and
    weights.

    `kept` names the columns that the trees use; `share` is the part of the commonest class to train
    on.
    """
    train = np.flatnonzero(fold.train_mask(rows))
    columns = fit_columns(
        spec, schema, rows.matrix[train] if spec.extraction else rows.matrix, kept
    )
    weighted = weight_rows(spec, rows.label[train], share)
    chosen = train if weighted.positions is None else train[weighted.positions]
    fitted = examples(columns, rows, replace(weighted, positions=chosen))
    return FoldData(spec, columns, fitted, weighted.odds, rows.take(fold.score_mask(rows)))
