"""Plots of forecasts and of classes: predictions against outcomes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.plots.canvas import BLUE, INK, ORANGE, Picture, open_canvas, styled
from lakehouse.evaluation.predictions import Multiclass

Array = npt.NDArray[np.floating[Any]]


@styled
def forecast_plot(truth: Array, prediction: Array, unit: str = "") -> Picture:
    """Forecast against outcome, as the density of rows up to the 99th percentile.

    The line of means is over ten bins of equally many rows by forecast.
    """
    figure, axes = open_canvas(f"Forecast{_in(unit)}", f"Actual{_in(unit)}")
    top = max(float(np.quantile(np.concatenate([truth, prediction]), 0.99)), 1e-6)
    density = axes.hexbin(
        prediction,
        truth,
        gridsize=36,
        extent=(0, top, 0, top),
        bins="log",
        mincnt=1,
        cmap="viridis_r",
        rasterized=True,
    )
    bar = figure.colorbar(density, ax=axes, label="rows (logarithmic)")
    bar.outline.set_visible(False)
    axes.plot([0, top], [0, top], color=INK, linestyle=":", linewidth=1, label="perfect forecast")
    bins = np.array_split(np.argsort(prediction, kind="stable"), min(10, len(prediction)))
    axes.plot(
        [float(prediction[rows].mean()) for rows in bins],
        [float(truth[rows].mean()) for rows in bins],
        "o-",
        color=ORANGE,
        markersize=4,
        linewidth=1,
        label="means of ten bins",
    )
    axes.set(xlim=(0, top), ylim=(0, top), title=f"Forecasts\n{len(truth):,} rows")
    axes.legend(loc="lower right")
    return Picture(figure, f"Forecast against actual values, {len(truth):,} rows")


@styled
def residual_plot(truth: Array, prediction: Array, unit: str = "") -> Picture:
    """Distribution of forecast errors, from their 1st to their 99th percentile."""
    figure, axes = open_canvas(f"Actual minus forecast{_in(unit)}", "Rows")
    errors = truth - prediction
    low, high = (float(q) for q in np.quantile(errors, [0.01, 0.99]))
    axes.hist(errors, bins=np.linspace(low, max(high, low + 1e-9), 41), color=BLUE, alpha=0.7)
    middle = float(np.median(errors))
    axes.axvline(0, color=INK, linewidth=1)
    label = f"median {middle:.3g}"
    axes.axvline(middle, color=ORANGE, linestyle="--", linewidth=1.4, label=label)
    axes.set(title=f"Forecast errors, 1st to 99th percentile\n{len(truth):,} rows")
    axes.legend(loc="upper right")
    return Picture(figure, f"Histogram of forecast errors, median {middle:.3g}")


@styled
def confusion_plot(truth: Array, probability: Array, classes: Sequence[str]) -> Picture:
    """Rows by true and predicted class; the colour is the share of the true class."""
    table = Multiclass(truth.astype(int), probability, 0).confusion()
    names = [name.replace("_", "\n") for name in classes]
    figure, axes = open_canvas("Predicted class", "True class", height=1.2 + 0.62 * len(classes))
    axes.grid(False)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (i, j), count in np.ndenumerate(table):
        colour = "white" if shares[i, j] > 0.5 else "black"
        text = f"{count:,}\n{shares[i, j]:.0%}"
        axes.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
    places = range(len(classes))
    axes.set_xticks(places, names, fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.set(title=f"Confusion matrix: rows and share of the true class\n{len(truth):,} rows")
    return Picture(figure, f"Confusion matrix of {len(classes)} classes, {len(truth):,} rows")


def _in(unit: str) -> str:
    return f" ({unit})" if unit else ""
