"""Proxies: features that predict a group of people that is not among the model's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Floats, Ints
from lakehouse.evaluation.review_document import Proxy

BANDS = 10
PERMUTATIONS = 40
_QUANTILE = 0.95


def find_proxies(
    group: str,
    values: npt.NDArray[Any],
    names: Sequence[str],
    matrix: npt.NDArray[Any],
    importance: Mapping[str, float],
    cluster: Ints | None = None,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> tuple[Proxy, ...]:
    """How well each column of `matrix` (rows, features) predicts the group `values` (rows,).

    Cramer's V of the group and the feature in at most ten bands of equally many rows, with missing
    values as a separate band (Cramer, *Mathematical Methods of Statistics*, 1946): 0 is no
    relation, 1 a perfect one, and categories need no order. Chance alone makes it larger than 0,
    especially where all rows of a `cluster` (rows,; such as a customer) share the group and much of
    the features. The floor is the value that the strongest of all features stays below in 95 % of
    permutations of the groups among whole clusters (Westfall & Young, *Resampling-Based Multiple
    Testing*, 1993).
    The strongest come first. Empty for fewer than two groups.
    """
    code = np.unique(values.astype(str), return_inverse=True)[1]
    groups = int(code.max(initial=-1)) + 1
    if groups < 2 or not len(names):
        return ()
    bands = [_bands(matrix[:, place]) for place in range(matrix.shape[1])]
    strength = np.array([_cramers_v(band, code, groups) for band in bands])
    random = np.random.default_rng(seed)
    cluster_of_row = (
        np.arange(len(code)) if cluster is None else np.unique(cluster, return_inverse=True)[1]
    )
    first = np.unique(cluster_of_row, return_index=True)[
        1
    ]  # a cluster has the group of its first row
    maxima = []
    for _ in range(permutations):
        permuted = random.permutation(code[first])[cluster_of_row]
        maxima.append(max(_cramers_v(band, permuted, groups) for band in bands))
    floor = float(np.quantile(maxima, _QUANTILE))
    total_gain = sum(importance.values())
    return tuple(
        Proxy(
            group=group,
            feature=names[place],
            strength=float(strength[place]),
            floor=floor,
            importance=importance.get(names[place], 0.0) / total_gain if total_gain else 0.0,
        )
        for place in np.argsort(-strength, kind="stable")
    )


def _bands(column: npt.NDArray[Any]) -> Ints:
    """Band indices from 0, about equally many rows each; few distinct values get one band each."""
    missing = np.isnan(column)
    known = column[~missing]
    edges = np.unique(known)
    if len(edges) > BANDS:
        edges = np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS, method="inverted_cdf"))
    band = np.searchsorted(edges, column, side="left")
    band[missing] = len(edges) + 1
    found: Ints = np.unique(band, return_inverse=True)[1]
    return found


def _cramers_v(band: Ints, group: Ints, groups: int) -> float:
    bands = int(band.max()) + 1
    table = np.bincount(band * groups + group, minlength=bands * groups).reshape(bands, groups)
    by_band, by_group = table.sum(axis=1), table.sum(axis=0)
    smaller = min(np.count_nonzero(by_band), np.count_nonzero(by_group)) - 1
    if smaller < 1:
        return 0.0
    expected: Floats = by_band[:, None] * by_group[None, :] / len(band)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(expected > 0, (table - expected) ** 2 / expected, 0.0)
    return float(np.sqrt(np.sum(parts) / (len(band) * smaller)))
