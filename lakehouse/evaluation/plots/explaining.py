"""Plots of what a model uses: importance, and the summary of SHAP contributions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lakehouse.evaluation.explanations import ShapSummary
from lakehouse.evaluation.plots.canvas import (
    BLUE,
    COLOURS,
    INK,
    ORANGE,
    Picture,
    bar_height,
    open_canvas,
    styled,
)


@styled
def importance_plot(importance: Mapping[str, float], rows: int, max_features: int = 15) -> Picture:
    """Features by gain on `rows` training rows, the largest first, as shares of the total."""
    total = sum(importance.values()) or 1.0
    top = sorted(importance.items(), key=lambda item: item[1])[-max_features:]
    figure, axes = open_canvas("Share of the gain of all splits", "", height=bar_height(len(top)))
    axes.barh(range(len(top)), [gain / total for _, gain in top], color=BLUE)
    axes.set_yticks(range(len(top)), [name for name, _ in top])
    axes.grid(False, axis="y")
    axes.set(title=f"Gain on {rows:,} training rows\ntop {len(top)} of {len(importance)} features")
    return Picture(figure, f"Importance by gain; largest: {top[-1][0] if top else 'none'}")


@styled
def shap_plot(summary: ShapSummary, max_features: int = 15) -> Picture:
    """One dot per row and feature: its contribution to the raw output, coloured by its value.

    For several classes: bars of the mean size of contributions, by class.
    """
    top = summary.ranking()[:max_features][::-1]
    names = [summary.names[i] for i in top]
    figure, axes = open_canvas(summary.unit, "", height=max(bar_height(len(top)) + 0.35, 2.9))
    if len(summary.outputs) > 1:
        _stacked(axes, summary, top, names)
    else:
        _swarm(figure, axes, summary, top, names)
    axes.set_yticks(range(len(top)), names)
    axes.grid(False, axis="y")
    axes.set(title=f"SHAP contributions\n{summary.rows:,} sampled rows")
    leader = names[-1] if names else "none"
    return Picture(figure, f"SHAP contributions of {len(top)} features; largest: {leader}")


def _stacked(axes: Any, summary: ShapSummary, top: list[int], names: list[str]) -> None:
    left = np.zeros(len(top))
    for place, output in enumerate(summary.outputs):
        widths = summary.mean_absolute[place, top]
        axes.barh(
            range(len(names)),
            widths,
            left=left,
            color=COLOURS[place % len(COLOURS)],
            hatch=("", "//")[place // len(COLOURS) % 2],
            label=output,
        )
        left += widths
    axes.legend(loc="lower right")


def _swarm(figure: Any, axes: Any, summary: ShapSummary, top: list[int], names: list[str]) -> None:
    """Draw a feature's dots, spread out where many have the same contribution."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("low to high", [BLUE, "#9d6fb0", ORANGE])
    dots = None
    for y, feature in enumerate(top):
        contribution, value = summary.contributions[0][:, feature], summary.values[:, feature]
        colour, known = _ranks(value), np.isfinite(value)
        offset = y + _offsets(contribution)
        axes.scatter(contribution[~known], offset[~known], s=4, color="#999999", rasterized=True)
        dots = axes.scatter(
            contribution[known],
            offset[known],
            s=4,
            c=colour[known],
            cmap=colours,
            vmin=0,
            vmax=1,
            rasterized=True,
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    if dots is not None:
        bar = figure.colorbar(dots, ax=axes, ticks=[0, 1], pad=0.02, aspect=30)
        bar.ax.set_yticklabels(["low", "high"], fontsize=8)
        bar.set_label("Feature's value (grey: missing)", fontsize=8, labelpad=-12)
        bar.outline.set_visible(False)


def _ranks(value: Any) -> Any:
    """Values as ranks in [0, 1], ties equal; with raw values, outliers would use up the colour
    scale."""
    _, inverse = np.unique(value, return_inverse=True)
    return inverse / max(int(inverse.max(initial=0)), 1)


def _offsets(contribution: Any, bins: int = 80, height: float = 0.38) -> Any:
    """Each dot's offset from its line, so that the swarm's thickness shows the density of rows."""
    low, high = float(contribution.min()), float(contribution.max())
    place = ((contribution - low) / max(high - low, 1e-12) * (bins - 1)).astype(int)
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place, minlength=bins)
    within = np.arange(len(contribution)) - np.repeat(np.cumsum(counts) - counts, counts)
    offset = np.empty(len(contribution))
    side = np.where(within % 2, 1, -1) * ((within + 1) // 2)
    offset[order] = side
    return offset / max(int(np.abs(offset).max(initial=0)), 6) * height
