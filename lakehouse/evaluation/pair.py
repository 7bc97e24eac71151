"""Two predictions of the same rows, with what is needed to compare them."""

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
    """What two versions predicted for the same rows.

    `rows` describes these in words; `clusters` are one or two arrays (rows,) of the entities by
    which they are resampled.
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
        """The first less the second, for each of `metrics` that both have on these rows."""
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
