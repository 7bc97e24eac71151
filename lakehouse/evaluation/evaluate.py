"""What a prediction is worth, by task, with a trivial baseline beside it on the same rows.

Turns arrays into named metrics; the metrics themselves are in `metrics.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation import metrics

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Period:
    """One period's rows, ordered by key: truth as numbers (class positions for classes)."""

    truth: Array
    day: npt.NDArray[np.int64]
    naive: Mapping[str, Array]


def evaluate_binary(
    period: Period, score: Array, threshold: float, alerts: int, base_rate: float
) -> dict[str, float]:
    """Metrics of a score; `base_rate` is the share of positives in training, the baseline."""
    truth = period.truth > 0
    flagged = score >= threshold
    constant = np.full(len(truth), base_rate)
    return {
        "rows": float(len(truth)),
        "positives": float(truth.sum()),
        "average_precision": metrics.average_precision(truth, score),
        "auc_roc": metrics.auc_roc(truth, score),
        "log_loss": metrics.log_loss(truth.astype(int), np.column_stack([1 - score, score])),
        **metrics.decisions(truth, flagged),
        **metrics.at_capacity(period.day, truth, score, alerts),
        "alerts_per_day": float(flagged.sum() / len(np.unique(period.day))),
        "observed_over_expected": float(truth.sum() / score.sum()) if score.any() else float("nan"),
        "baseline_average_precision": float(truth.mean()),
        "baseline_auc_roc": 0.5,
        "baseline_accuracy": float((~truth).mean()),
        "baseline_log_loss": metrics.log_loss(
            truth.astype(int), np.column_stack([1 - constant, constant])
        ),
    }


def evaluate_regression(period: Period, prediction: Array, mean: float) -> dict[str, float]:
    """Errors of a forecast beside those of naive ones; `mean` is the training label's.

    `better_than_naive` is the share by which its MAE undercuts that of the best naive forecast: of
    the three that come with a forward label, or of the constant training mean.
    """
    naive = dict(period.naive) or {"naive_constant": np.full(len(period.truth), mean)}
    result = {"rows": float(len(period.truth)), **metrics.errors(period.truth, prediction)}
    for name, forecast in naive.items():
        for metric, value in metrics.errors(period.truth, forecast).items():
            result[f"{name}_{metric}"] = value
    best = min(result[f"{name}_mae"] for name in naive)
    result["better_than_naive"] = 1 - result["mae"] / best if best else float("nan")
    return result


def evaluate_multiclass(
    period: Period, probability: Array, classes: tuple[str, ...], majority: int
) -> dict[str, float]:
    """Metrics of class probabilities (rows, classes); `majority`: training's commonest class."""
    truth, predicted = period.truth.astype(int), probability.argmax(axis=1)
    table = metrics.confusion(truth, predicted, len(classes))
    accuracy = float((truth == predicted).mean())
    always = float((truth == majority).mean())
    cells = {
        f"confusion[{classes[i]}->{classes[j]}]": float(table[i, j])
        for i in range(len(classes))
        for j in range(len(classes))
    }
    return {
        "rows": float(len(truth)),
        "accuracy": accuracy,
        "macro_f1": metrics.macro_f1(truth, predicted, len(classes)),
        "log_loss": metrics.log_loss(truth, probability),
        "baseline_accuracy": always,
        "baseline_macro_f1": metrics.macro_f1(truth, np.full(len(truth), majority), len(classes)),
        "better_than_majority": accuracy - always,
        **cells,
    }
