"""Pictures of a model as PNG bytes, for the UI and reports. Every one says its rows and its unit.

Only drawing: the figures come from `metrics.py`, the rows from `replay.py`.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation import metrics

Array = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

_SIZE = (6.0, 4.0)
_BLUE, _RED = "#2b6cb0", "#c53030"


def precision_recall_plot(truth: Bools, score: Array, threshold: float | None = None) -> bytes:
    """Precision over recall on these rows, with the point at the threshold in use."""
    figure, axes = _canvas("Recall (share of frauds found)", "Precision (share of alerts right)")
    precision, recall, _ = metrics.precision_recall(truth, score)
    average = metrics.average_precision(truth, score)
    axes.step(recall, precision, where="post", color=_BLUE, label=f"average {average:.3f}")
    axes.axhline(truth.mean(), color="grey", linestyle=":", label=f"chance {truth.mean():.3f}")
    if threshold is not None:
        at = metrics.decisions(truth, score >= threshold)
        label = f"threshold {threshold:.3f}"
        axes.plot(at["recall"], at["precision"], "o", color=_RED, label=label)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), title=f"Precision and recall, {len(truth):,} rows")
    axes.legend()
    return _png(figure)


def score_histogram(truth: Bools, score: Array, threshold: float | None = None) -> bytes:
    """How scores are distributed for positives and negatives, counts on a logarithmic scale."""
    figure, axes = _canvas("Score", "Rows")
    bins = np.linspace(0, 1, 51)
    axes.hist(score[~truth], bins=bins, color=_BLUE, alpha=0.6, label="not reported")
    axes.hist(score[truth], bins=bins, color=_RED, alpha=0.6, label="reported as fraud")
    if threshold is not None:
        axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
    axes.set(yscale="log", title=f"Scores, {len(truth):,} rows")
    axes.legend()
    return _png(figure)


def calibration_plot(truth: Bools, score: Array, bins: int = 10) -> bytes:
    """Mean score against the share of positives, in bins of equally many rows."""
    figure, axes = _canvas("Mean score of the bin", "Share of positives in the bin")
    groups = np.array_split(np.argsort(score, kind="stable"), min(bins, len(score)))
    said = [float(score[rows].mean()) for rows in groups]
    was = [float(truth[rows].mean()) for rows in groups]
    top = max(*said, *was, 1e-6) * 1.05
    axes.plot([0, top], [0, top], color="grey", linestyle=":", label="as said")
    axes.plot(said, was, "o-", color=_BLUE, label="as it was")
    axes.set(xlim=(0, top), ylim=(0, top), title=f"Calibration, {len(truth):,} rows")
    axes.legend()
    return _png(figure)


def forecast_plot(truth: Array, prediction: Array) -> bytes:
    """Forecast against what came, as the density of rows up to the 99th percentile."""
    figure, axes = _canvas("What came", "Forecast")
    top = max(float(np.quantile(np.concatenate([truth, prediction]), 0.99)), 1e-6)
    axes.hexbin(truth, prediction, gridsize=40, extent=(0, top, 0, top), bins="log", cmap="Blues")
    axes.plot([0, top], [0, top], color=_RED, linewidth=1)
    axes.set(title=f"Forecasts, {len(truth):,} rows")
    return _png(figure)


def confusion_plot(truth: Array, probability: Array, classes: Sequence[str]) -> bytes:
    """Rows by true class and the class said."""
    table = metrics.confusion(truth.astype(int), probability.argmax(axis=1), len(classes))
    figure, axes = _canvas("Said", "True")
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(table):
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, f"{count:,}", ha="center", va="center", color=colour)
    places = range(len(classes))
    axes.set_xticks(places, classes, rotation=30, ha="right")
    axes.set_yticks(places, classes)
    axes.set(title=f"Classes, {len(truth):,} rows")
    return _png(figure)


def importance_plot(importance: Mapping[str, float], most: int = 20) -> bytes:
    """The features that the trees gained most from, as shares of the whole gain."""
    total = sum(importance.values()) or 1.0
    top = sorted(importance.items(), key=lambda item: item[1])[-most:]
    figure, axes = _canvas("Share of the gain", "", height=1.2 + 0.24 * len(top))
    axes.barh([name for name, _ in top], [gain / total for _, gain in top], color=_BLUE)
    axes.set(title=f"Importance of the first {len(top)} of {len(importance)} features")
    return _png(figure)


def metric_history_plot(
    metric: str, made: Sequence[datetime], values: Sequence[float | None], labels: Sequence[str]
) -> bytes:
    """One metric over a model's versions, each on the test period of its own time."""
    figure, axes = _canvas("Version, oldest first", metric)
    places = range(len(made))
    axes.plot(places, [np.nan if v is None else v for v in values], "o-", color=_BLUE)
    names = [f"{label}\n{at:%Y-%m-%d}" for label, at in zip(labels, made, strict=True)]
    axes.set_xticks(places, names, rotation=30, ha="right", fontsize=7)
    axes.set(title=f"{metric} on each version's test period")
    return _png(figure)


def _canvas(x: str, y: str, height: float = _SIZE[1]) -> tuple[Any, Any]:
    """A figure of its own: no global state, and no display needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.2)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
