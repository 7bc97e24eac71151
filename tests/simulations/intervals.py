"""Scores with known metrics, alone or in bursts on cards and terminals, to verify intervals."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from lakehouse.evaluation.intervals import metric_intervals
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.resampling import Resampling

METRICS = (
    "auc_roc",
    "average_precision",
    "precision",
    "recall",
    "precision_at_capacity",
    "recall_at_capacity",
)
RATE = 0.03
Clusters = Literal["none", "card", "card and terminal"]
SHARED: dict[Clusters, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "card": (0.3, 0.0),
    "card and terminal": (0.2, 0.2),
}
"""Shares of the scores' variance that rows of a card, and of a terminal, have in common."""


@dataclass(frozen=True)
class Coverage:
    """Per 100 worlds: how often the interval holds the true value, lies above it; its length."""

    held: float
    above: float
    length: float


def world(
    seed: int, positives: int, auc: float, clusters: Clusters, weeks: int = 1
) -> tuple[Binary, tuple[np.ndarray, ...]]:
    """Normal scores, so that the AUC is known, with about `positives` a week; and the keys.

    With cards, a tenth of the cards has seven in ten of the positives.
    """
    random = np.random.default_rng([seed, positives])
    apart = 2**0.5 * NormalDist().inv_cdf(auc)
    n = round(positives / RATE) * weeks
    card, terminal = random.integers(0, n // 5, n), random.integers(0, n // 8, n)
    hot = (random.random(n // 5) < 0.1)[card]
    chance = RATE if clusters == "none" else np.where(hot, 7 * RATE, RATE / 3)
    truth = random.random(n) < chance
    by_card, by_terminal = SHARED[clusters]
    score = (
        apart * truth
        + (1 - by_card - by_terminal) ** 0.5 * random.normal(size=n)
        + by_card**0.5 * random.normal(size=n // 5)[card]
        + by_terminal**0.5 * random.normal(size=n // 8)[terminal]
    )
    day = random.integers(0, 7 * weeks, n)
    alerts = max(2, round(positives / RATE) // 140)
    keys = {"none": (), "card": (card,), "card and terminal": (card, terminal)}[clusters]
    return Binary(truth, score, score >= apart / 2 + 0.8, day, alerts), keys


def truths(positives: int, auc: float, clusters: Clusters) -> dict[str, float]:
    """The true metrics: those of ten thousand positives, and the AUC of the construction."""
    large, _ = world(10**6, positives, auc, clusters, weeks=10_000 // positives)
    return metric_values(large, only=METRICS) | {"auc_roc": auc}


def coverage(
    worlds: int, positives: int, auc: float, clusters: Clusters, metrics: tuple[str, ...] = METRICS
) -> dict[str, Coverage]:
    """Coverage by metric; a world with an undetermined interval counts as one that misses."""
    true = truths(positives, auc, clusters)
    held, above, length = (defaultdict[str, list[float]](list) for _ in range(3))
    for seed in range(worlds):
        predictions, keys = world(seed, positives, auc, clusters)
        resampling = Resampling.of(predictions.rows, *keys)
        for name, found in metric_intervals(predictions, resampling, metrics).items():
            held[name].append(found is not None and found.low <= true[name] <= found.high)
            above[name].append(found is not None and found.low > true[name])
            length[name].append(found.high - found.low if found else np.nan)
            assert found is None or 0 <= found.low <= found.value <= found.high <= 1
    return {
        name: Coverage(
            100 * float(np.mean(held[name])),
            100 * float(np.mean(above[name])),
            float(np.nanmean(length[name])),
        )
        for name in metrics
    }
