"""Rare positives: weighting and undersampling, and the correction to the true base rate.

Also the sampling of rows for trials: undersampling compensated by weights. Rows are picked by their
position in the order of keys, so that the same training set always gives the same rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.models.spec import Imbalance
from lakehouse.models.tasks import Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WeightedRows:
    """The training rows (`positions`, None: all) and their weights.

    `odds` is the factor by which the odds of a model trained on them are too high.
    """

    positions: npt.NDArray[np.int64] | None = None
    weight: Floats | None = None
    odds: float = 1.0


def balance(imbalance: Imbalance, label: Floats, seed: int) -> WeightedRows:
    """Apply the declared balance to these rows (a binary label each)."""
    positive = label > 0
    positives = int(positive.sum())
    negatives = len(label) - positives
    if imbalance.method == "weights":
        ratio = imbalance.ratio or negatives / positives
        return WeightedRows(weight=np.where(positive, ratio, 1.0), odds=ratio)
    if imbalance.method == "undersample":
        assert imbalance.ratio is not None
        kept = _sample(~positive, round(imbalance.ratio * positives), seed)
        odds = negatives / max(1, int(kept.sum()))
        return WeightedRows(positions=np.flatnonzero(positive | kept), odds=odds)
    return WeightedRows()


def subsample(task: Task, label: Floats, share: float, seed: int) -> WeightedRows:
    """Keep `share` of the commonest class with larger weights, so that the odds stay true.

    For a regression, the share applies to all rows.
    """
    if share >= 1:
        return WeightedRows()
    common = task.commonest(label)
    if common is None:
        everything = np.ones(len(label), dtype=bool)
        return WeightedRows(
            positions=np.flatnonzero(_sample(everything, round(share * len(label)), seed))
        )
    kept = _sample(common, max(1, round(share * int(common.sum()))), seed)
    positions = np.flatnonzero(~common | kept)
    scale = common.sum() / kept.sum()
    return WeightedRows(positions=positions, weight=np.where(common[positions], scale, 1.0))


def correct_odds(score: Floats, odds: float) -> Floats:
    """Scores whose odds are `odds` times too high, as probabilities at the true base rate.

    p = s / (s + odds (1 - s)): Elkan, "The foundations of cost-sensitive learning", 2001, theorem
    2; with undersampling at the rate b, odds = 1 / b, it is equation 4 of Dal Pozzolo et al.,
    "Calibrating probability with undersampling for unbalanced classification", 2015.
    """
    return score if odds == 1 else score / (score + odds * (1 - score))


def _sample(candidates: npt.NDArray[np.bool_], count: int, seed: int) -> npt.NDArray[np.bool_]:
    """`count` of the candidates (all if there are fewer), as a mask."""
    positions = np.flatnonzero(candidates)
    chosen = np.zeros(len(candidates), dtype=bool)
    chosen[positions[np.argsort(pseudo_random(positions, seed), kind="stable")[:count]]] = True
    return chosen


def pseudo_random(positions: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.uint64]:
    """Pseudo-random numbers, the same with any NumPy: SplitMix64 (Steele, Lea & Flood, 2014)."""
    with np.errstate(over="ignore"):
        z = (positions.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
