"""Cluster resampling: row weights for each repeat, and a statistic under each set of weights.

Rows of one card, or of one terminal, are not independent: resampling single rows makes intervals
too short. Other modules turn the repeats into intervals and comparisons.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Floats, Ints

Statistic = Callable[[Floats], Floats]
"""Values of the rows under weights (rows,), as an array whose shape is always the same."""

REPEATS = 200


@dataclass(frozen=True, eq=False)
class Resampling:
    """How rows are resampled: by none, one or two crossed cluster keys, as codes from 0."""

    rows: int
    clusters: tuple[Ints, ...] = ()
    repeats: int = REPEATS
    seed: int = 0

    @classmethod
    def of(cls, rows: int, *keys: npt.NDArray[Any], repeats: int = REPEATS, seed: int = 0) -> Self:
        """Resampling of `rows` by none, one or two keys (rows,) of any sortable values.

        Raises:
            ValueError: for more than two keys, or a key without exactly `rows` values.
        """
        if len(keys) > 2 or any(len(key) != rows for key in keys):
            raise ValueError(f"resampling takes at most two keys of {rows} values each")
        return cls(rows, tuple(_codes(key) for key in keys), repeats, seed)


def resample(statistic: Statistic, resampling: Resampling) -> Floats:
    """The statistic's repeats, (repeats, ...); NaN where a resample does not determine it.

    Clusters are drawn with replacement, and a row counts as often as its cluster is drawn (Efron &
    Tibshirani, *An Introduction to the Bootstrap*, 1993).

    With two keys the variance is the variance by the first, plus that by the second, minus that by
    pairs of both, which the two have in common (Cameron, Gelbach & Miller, "Robust inference with
    multiway clustering", Journal of Business & Economic Statistics 29, 2011), and never below the
    larger of the two: the deviations of two independent one-way resamples are added and shrunk to
    it. The simpler product of both weights (Owen, "The pigeonhole bootstrap", Annals of Applied
    Statistics 1, 2007) adds the common part instead of subtracting it: with small clusters, as
    those of positives are, intervals become up to 1.7 times too long.
    """
    if len(resampling.clusters) < 2:
        codes = resampling.clusters[0] if resampling.clusters else None
        return _repeats(statistic, resampling, codes, stream=0)
    first, second = resampling.clusters
    pair = cluster_codes(first, second)
    by_first, by_second, by_pair = (
        _repeats(statistic, resampling, codes, stream)
        for stream, codes in enumerate((first, second, pair))
    )
    one, other, common = (_moments(found)[1] for found in (by_first, by_second, by_pair))
    target = np.maximum(one + other - common, np.maximum(one, other))
    shrink = np.sqrt(target / np.where(one + other > 0, one + other, 1.0))
    deviations = by_first - _moments(by_first)[0] + by_second - _moments(by_second)[0]
    both = np.concatenate([by_first, by_second])
    repeats = statistic(np.ones(resampling.rows)) + shrink * deviations
    return np.clip(repeats, np.fmin.reduce(both), np.fmax.reduce(both))


def cluster_codes(first: Ints, second: Ints) -> Ints:
    """Codes from 0 of the pairs of two crossed keys' codes, (rows,)."""
    return _codes(first.astype(np.int64) * (int(second.max(initial=0)) + 1) + second)


def _repeats(
    statistic: Statistic, resampling: Resampling, codes: Ints | None, stream: int
) -> Floats:
    """The statistic under one-way resampling; holds only one set of weights at a time."""
    return np.stack([statistic(weights) for weights in _weights(resampling, codes, stream)])


def _weights(resampling: Resampling, codes: Ints | None, stream: int) -> Iterator[Floats]:
    random = np.random.default_rng([resampling.seed, stream])
    size = resampling.rows if codes is None else int(codes.max(initial=-1)) + 1
    for _ in range(resampling.repeats):
        drawn = np.bincount(random.integers(size, size=size), minlength=size).astype(np.float64)
        yield drawn if codes is None else drawn[codes]


def _moments(repeats: Floats) -> tuple[Floats, Floats]:
    """Mean and variance over the repeats that are not NaN (NaN if all are)."""
    finite = np.isfinite(repeats)
    count = np.where(finite.any(axis=0), finite.sum(axis=0), np.nan)
    mean = np.where(finite, repeats, 0.0).sum(axis=0) / count
    return mean, np.where(finite, (repeats - mean) ** 2, 0.0).sum(axis=0) / count


def _codes(key: npt.NDArray[Any]) -> Ints:
    codes: Ints = np.unique(key, return_inverse=True)[1]
    return codes
