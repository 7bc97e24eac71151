"""A fold prepared for many fits: by trials, by selection, and for out-of-fold scores.

The matrix is extracted and binned once; only parameters change between fits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.models.columns import Columns, fit_columns
from lakehouse.models.imbalance import Weighed, balance, thin, true_odds
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
    learnt: Examples
    odds: float
    scored: Rows

    @cached_property
    def seen(self) -> Matrix:
        """The scored rows as the trees see them."""
        return self.columns.matrix(self.scored.matrix)

    @cached_property
    def _data(self) -> Any:
        return dataset(self.learnt, self.columns.categorical, _REUSABLE, keep=True)

    @cached_property
    def _stop(self) -> Any:
        return stopping(self._data, self.seen, self.scored.label, self.odds)

    def fit(self, params: Mapping[str, Any], rounds: int, *, stop: bool) -> Boosted:
        """Fit; `stop` enables early stopping on the scored rows, whose scores are then optimistic.

        Raises:
            TrainingError: when LightGBM rejects a parameter.
        """
        given = {**params, **_REUSABLE}
        return boost(self.spec, given, self._data, rounds, self._stop if stop else None)

    def predict(self, boosted: Boosted, seen: Matrix | None = None) -> npt.NDArray[np.float64]:
        """Predictions for the scored rows at the true base rate, not calibrated.

        `seen` replaces the matrix of these rows.
        """
        return true_odds(boosted.predict(self.seen if seen is None else seen), self.odds)


def weigh(spec: ModelSpec, label: npt.NDArray[np.float64], share: float = 1.0) -> Weighed:
    """The declared class balance, then only `share` of the commonest class."""
    balanced = balance(spec.imbalance, label, spec.seed)
    if share >= 1:
        return balanced
    places = np.arange(len(label)) if balanced.places is None else balanced.places
    thinned = thin(spec.task, label[places], share, spec.seed)
    assert thinned.places is not None
    weight = thinned.weight
    if balanced.weight is not None:
        weight = balanced.weight[thinned.places] * (1.0 if weight is None else weight)
    return Weighed(places[thinned.places], weight, balanced.odds)


def examples(columns: Columns, rows: Rows, weighed: Weighed) -> Examples:
    """The training rows as the trees see them."""
    chosen = weighed.places
    matrix, label = rows.matrix, rows.label
    if chosen is not None:
        matrix, label = matrix[chosen], label[chosen]
    return Examples(columns.matrix(matrix), label, weighed.weight)


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
    learnt = rows.take(fold.learnt(rows))
    columns = fit_columns(spec, schema, learnt.matrix, kept)
    weighed = weigh(spec, learnt.label, share)
    scored = rows.take(fold.scored(rows))
    return FoldData(spec, columns, examples(columns, learnt, weighed), weighed.odds, scored)
