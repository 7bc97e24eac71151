"""Distances between two histograms with the same cells. Arrays in, figures out.

Every function takes `reference` (slots,) and `current` (..., slots), counts in the layout of
`cells.py`, and returns (...) figures: NaN where there is nothing to compare.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.monitoring.look.cells import FIRST, MISSING, UNSEEN

Counts = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]

HALF = 0.5
"""Added to every count of `psi` (Jeffreys' prior), so that an empty cell has a finite logarithm."""


def psi(reference: Counts, current: Counts) -> Floats:
    """Population stability index: the sum over slots of (q - p) ln(q / p), missing ones included.

    Half a row is added to every slot, and slots that are empty on both sides contribute nothing. It
    is the symmetric Kullback-Leibler divergence; see B. Yurdakul, "Statistical Properties of
    Population Stability Index" (2018), for its distribution when nothing changed.
    """
    slots = reference.shape[-1]
    p = (reference + HALF) / (reference.sum() + HALF * slots)
    rows = current.sum(axis=-1, keepdims=True)
    q = (current + HALF) / (rows + HALF * slots)
    terms = np.where((reference == 0) & (current == 0), 0.0, (q - p) * np.log(q / p))
    return _nan_unless(rows[..., 0] > 0, terms.sum(axis=-1))


def ks(reference: Counts, current: Counts) -> Floats:
    """The Kolmogorov-Smirnov distance: the largest difference of two distribution functions at the
    edges.

    Missing values are excluded. It is at most the distance of the values themselves.
    """
    gap = np.abs(_distribution(reference) - _distribution(current))
    largest: Floats = gap.max(axis=-1)
    return largest


def wasserstein(reference: Counts, current: Counts, edges: Floats) -> Floats:
    """Wasserstein distance of the numbers present, in standard deviations of the reference.

    Each cell counts at its upper edge, and values beyond the last edge count at that edge. NaN
    where the reference does not vary.
    """
    gap = np.abs(_distribution(reference) - _distribution(current))
    moved = (gap[..., :-1] * np.diff(edges)).sum(axis=-1)
    places, weights = np.append(edges, edges[-1]), reference[FIRST:] / reference[FIRST:].sum()
    deviation = np.sqrt(np.sum(weights * (places - np.sum(weights * places)) ** 2))
    return _nan_unless(deviation > 0, moved / (deviation or 1.0))


def missing_share(counts: Counts) -> Floats:
    """Share of rows (..., slots) without a value."""
    return _share(counts, MISSING)


def unseen_share(counts: Counts) -> Floats:
    """Share of rows (..., slots) with a category that the reference does not have."""
    return _share(counts, UNSEEN)


def _share(counts: Counts, slot: int) -> Floats:
    rows = counts.sum(axis=-1)
    return _nan_unless(rows > 0, counts[..., slot] / np.maximum(rows, 1))


def _distribution(counts: Counts) -> Floats:
    """Share of values at or below each edge, (..., edges)."""
    running = counts[..., FIRST:].cumsum(axis=-1)
    total = running[..., -1:]
    return _nan_unless(total > 0, running[..., :-1] / np.maximum(total, 1))


def _nan_unless(known: Any, figures: Any) -> Floats:
    masked: Floats = np.where(known, figures, np.nan)
    return masked
