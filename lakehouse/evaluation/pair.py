"""Two predictions on the same rows, with what is needed to compare them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from lakehouse.evaluation.comparisons import compare
from lakehouse.evaluation.document import Against, Comparison
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Predictions
from lakehouse.evaluation.resampling import Resampling


@dataclass(frozen=True)
class Pair:
    """The predictions of two versions for the same rows.

    `rows` describes the rows in words; `clusters` are one or two arrays (rows,) of the entities
    used for resampling.
    """

    rows: str
    first: Predictions
    second: Predictions
    clusters: Sequence[npt.NDArray[Any]]

    def compare(
        self,
        metrics: Sequence[str],
        *,
        against: Against,
        version: str,
        minimum_positives: int,
        repeats: int,
        seed: int,
    ) -> tuple[Comparison, ...]:
        """The first minus the second, for each of `metrics` that both have on these rows."""
        ours, theirs = metric_values(self.first), metric_values(self.second)
        known = [
            name
            for name in metrics
            if math.isfinite(ours.get(name, math.nan)) and math.isfinite(theirs.get(name, math.nan))
        ]
        return compare(
            self.first,
            self.second,
            Resampling.of(self.first.rows, *self.clusters, repeats=repeats, seed=seed),
            against=against,
            version=version,
            metrics=known,
            minimum_positives=minimum_positives,
        )
