"""Metrics in NumPy: scikit-learn takes three seconds to import, and these are a few lines each.

Pure functions of arrays, tested against scikit-learn. What a metric cannot be told from (one class
only) is NaN, never a flattering number.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer[Any]]


def auc_roc(truth: Bools, score: Floats) -> float:
    """Chance that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mean_ranks[inverse][truth].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def precision_recall(truth: Bools, score: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and threshold at each distinct score, the highest first."""
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], np.cumsum(truth[order])
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))  # ties share one threshold
    return hits[last] / (last + 1), hits[last] / hits[-1], score[last]


def average_precision(truth: Bools, score: Floats) -> float:
    """Precision at each threshold weighted by the recall gained there; no interpolation."""
    if not truth.any():
        return float("nan")
    precision, recall, _ = precision_recall(truth, score)
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def log_loss(truth: Ints, probability: Floats) -> float:
    """Mean negative log likelihood; `probability` is (rows, classes), `truth` class positions."""
    chosen = probability[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.mean(np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0))))


def decisions(truth: Bools, flagged: Bools) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of a yes-or-no decision; 0 where nothing is flagged."""
    hits = int((truth & flagged).sum())
    alarms, positives = int(flagged.sum()), int(truth.sum())
    return {
        "accuracy": float((truth == flagged).mean()) if len(truth) else float("nan"),
        "precision": hits / alarms if alarms else 0.0,
        "recall": hits / positives if positives else float("nan"),
        "f1": 2 * hits / (alarms + positives) if alarms + positives else float("nan"),
    }


def at_capacity(day: Ints, truth: Bools, score: Floats, alerts: int) -> dict[str, float]:
    """Precision and recall when each day's `alerts` highest scores are looked at, over all days.

    Rows must come in a fixed order (by key): it decides between equal scores.
    """
    order = np.lexsort((-score, day))
    ordered_day = day[order]
    _, first, counts = np.unique(ordered_day, return_index=True, return_counts=True)
    place = np.arange(len(day)) - np.repeat(first, counts)
    looked_at = place < alerts
    hits, positives = int(truth[order][looked_at].sum()), int(truth.sum())
    return {
        "precision_at_capacity": hits / int(looked_at.sum()) if len(day) else float("nan"),
        "recall_at_capacity": hits / positives if positives else float("nan"),
    }


def card_precision(day: Ints, card: Ints, truth: Bools, score: Floats, cards: int) -> float:
    """CP@k of the Fraud Detection Handbook: the share of frauds among the k cards a day alerted.

    Cards are ranked by their highest score of the day; a fraudulent card once found is left out of
    later days; the mean is over days.
    """
    found: set[int] = set()
    shares = []
    for today in np.unique(day):
        rows = np.flatnonzero(day == today)
        rows = rows[~np.isin(card[rows], list(found))]
        best: dict[int, float] = {}
        for number, value in zip(card[rows].tolist(), score[rows].tolist(), strict=True):
            best[number] = max(value, best.get(number, -np.inf))
        compromised = set(card[rows][truth[rows]].tolist())
        alerted = sorted(best, key=lambda number: -best[number])[:cards]
        hits = compromised.intersection(alerted)
        found |= hits
        shares.append(len(hits) / cards)
    return float(np.mean(shares))


def errors(truth: Floats, prediction: Floats) -> dict[str, float]:
    """Mean absolute error and root mean squared error, in the label's unit."""
    difference = prediction.astype(np.float64) - truth
    return {
        "mae": float(np.abs(difference).mean()),
        "rmse": float(np.sqrt(np.square(difference).mean())),
    }


def confusion(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts as (classes, classes): rows are the truth, columns the prediction."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def macro_f1(truth: Ints, predicted: Ints, classes: int) -> float:
    """Mean of the classes' F1, over classes that are there or predicted."""
    table = confusion(truth, predicted, classes)
    total = table.sum(axis=0) + table.sum(axis=1)
    return float(np.mean(2 * np.diag(table)[total > 0] / total[total > 0]))
