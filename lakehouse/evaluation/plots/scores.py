"""Plots of a binary model's scores: ROC, precision and recall, histogram, calibration."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import metric_value, metric_values
from lakehouse.evaluation.plots.canvas import (
    BLUE,
    COLOURS,
    INK,
    ORANGE,
    Picture,
    open_canvas,
    styled,
)
from lakehouse.evaluation.predictions import Binary

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

_POINTS = 400
_BINS = 8


@styled
def roc_plot(truth: Bools, score: Array) -> Picture:
    """Share of positives found over share of negatives flagged, at every threshold."""
    figure, axes = open_canvas("False positive rate", "True positive rate (recall)")
    negatives, positives = _rates(truth, score)
    area = metric_value(Binary(truth, score), "auc_roc")
    axes.plot(negatives, positives, color=BLUE, label=f"model, area {area:.3f}")
    axes.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1, label="chance, area 0.500")
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.02), title=f"ROC curve\n{_row_counts(truth)}")
    axes.legend(loc="lower right")
    return Picture(figure, f"ROC curve: area {area:.3f}")


@styled
def precision_recall_plot(truth: Bools, score: Array, threshold: float | None = None) -> Picture:
    """Precision over recall on these rows, with the point at the current threshold."""
    figure, axes = open_canvas(
        "Recall (share of positives found)", "Precision (share of alerts that are positive)"
    )
    precision, recall = _precision_recall(truth, score)
    few = _thin(len(recall))
    average = metric_value(Binary(truth, score), "average_precision")
    label = f"model, average {average:.3f}"
    axes.step(recall[few], precision[few], where="post", color=BLUE, label=label)
    share = float(truth.mean())
    axes.axhline(share, color=INK, linestyle=":", linewidth=1, label=f"chance {share:.3g}")
    if threshold is not None:
        at = metric_values(Binary(truth, score, score >= threshold), only=["recall", "precision"])
        label = f"threshold {threshold:.3g}"
        axes.plot(at["recall"], at["precision"], "o", color=ORANGE, label=label)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title=f"Precision and recall\n{_row_counts(truth)}")
    axes.legend(loc="best")
    return Picture(figure, f"Precision over recall: average precision {average:.3f}")


@styled
def score_histogram(truth: Bools, score: Array, threshold: float | None = None) -> Picture:
    """Distribution of scores for positives and negatives, counts on a logarithmic scale."""
    figure, axes = open_canvas("Score", "Rows (logarithmic)")
    bins = np.linspace(0, 1, 51)
    axes.hist(score[~truth], bins=bins, color=BLUE, alpha=0.55, label="negatives")
    axes.hist(
        score[truth], bins=bins, color=ORANGE, histtype="step", linewidth=1.6, label="positives"
    )
    if threshold is not None:
        label = f"threshold {threshold:.3g}"
        axes.axvline(threshold, color=INK, linestyle="--", linewidth=1, label=label)
    axes.set(yscale="log", title=f"Scores\n{_row_counts(truth)}")
    axes.legend(loc="upper right")
    return Picture(figure, "Histograms of the scores of positives and of negatives")


@styled
def calibration_plot(truth: Bools, scores: Mapping[str, Array]) -> Picture:
    """Mean score against share of positives, for each kind of score (such as uncalibrated).

    Bins hold equally many *expected* positives, so that rare positives are not lost in bins of rows
    with very low scores; error bars are Wilson's 95 % intervals; both axes are logarithmic.
    """
    figure, axes = open_canvas("Mean score of the bin", "Share of positives in the bin")
    extents: list[float] = []
    for place, (name, score) in enumerate(scores.items()):
        predicted, observed, low, high = _calibration(truth, score)
        bars = np.maximum([observed - low, high - observed], 0)
        axes.errorbar(
            predicted,
            np.maximum(observed, low),
            yerr=bars,
            fmt="os^"[place % 3] + "-",
            markersize=4,
            linewidth=1,
            color=COLOURS[place],
            label=name,
        )
        extents += [*predicted, *high, *low[low > 0]]
    # the lowest interval may reach 0: limit the axis here, not at the decade of the interval's end
    bottom, top = max(min(extents), 1e-6) / 1.3, min(max(extents) * 1.3, 1.05)
    axes.plot(
        [bottom, top],
        [bottom, top],
        color=INK,
        linestyle=":",
        linewidth=1,
        label="perfect calibration",
    )
    axes.set(xscale="log", yscale="log", xlim=(bottom, top), ylim=(bottom, top))
    axes.set(title=f"Calibration, bars are 95 % intervals\n{_row_counts(truth)}")
    axes.legend(loc="upper left")
    return Picture(figure, "Calibration: share of positives over mean score, by bin")


def _calibration(truth: Bools, score: Array) -> tuple[Array, Array, Array, Array]:
    """By bin: mean score, share of positives, lower and upper end of its interval."""
    order = np.argsort(score, kind="stable")
    expected = np.cumsum(score[order], dtype=np.float64)
    bins = np.minimum((expected / max(expected[-1], 1e-12) * _BINS).astype(int), _BINS - 1)
    rows = np.bincount(bins, minlength=_BINS)
    occupied = rows > 0
    rows = rows[occupied]
    predicted = np.bincount(bins, score[order], minlength=_BINS)[occupied] / rows
    share = np.bincount(bins, truth[order], minlength=_BINS)[occupied] / rows
    low, high = wilson(share, rows)
    return np.maximum(predicted, 1e-9), share, low, high


def wilson(share: Array, rows: Any) -> tuple[Array, Array]:
    """95 % intervals of shares, each of its number of `rows` (Wilson, JASA 22, 1927)."""
    z = 1.96
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    return np.maximum(middle - half, 1e-9), np.minimum(middle + half, 1.0)


def _rates(truth: Bools, score: Array) -> tuple[Array, Array]:
    """False and true positive rates, from no row flagged to all."""
    from sklearn.metrics import roc_curve

    negatives, positives, _ = roc_curve(truth, score, drop_intermediate=False)
    few = _thin(len(positives))
    return negatives[few], positives[few]


def _precision_recall(truth: Bools, score: Array) -> tuple[Array, Array]:
    """Precision and recall, from the highest score alone to all rows."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(truth, score)
    precision[-1] = precision[-2]
    return precision[::-1], recall[::-1]


def _thin(points: int) -> npt.NDArray[np.int64]:
    """Indices of a few of many points, denser at the start, where a curve bends, with both ends."""
    if points <= _POINTS:
        return np.arange(points)
    return np.unique(np.geomspace(1, points, _POINTS).astype(np.int64)) - 1


def _row_counts(truth: Bools) -> str:
    return f"{len(truth):,} rows, {int(truth.sum()):,} positive"
