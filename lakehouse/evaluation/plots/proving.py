"""Plots of an evaluation's results: intervals by segment, weeks, calibration by bin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from lakehouse.evaluation.plots.canvas import (
    BLUE,
    INK,
    Picture,
    bar_height,
    open_canvas,
    styled,
)


@dataclass(frozen=True)
class Estimate:
    """A line of `interval_plot`: a value and its interval; `faint` if it does not count."""

    label: str
    value: float
    low: float
    high: float
    faint: bool = False


@styled
def interval_plot(
    title: str, panels: Mapping[str, Sequence[Estimate | None]], reference: float | None = None
) -> Picture:
    """Values with their intervals, one line each; one panel per unit, side by side.

    Panels must list the same labels in the same order; None leaves a gap.
    """
    longest = max(panels.values(), key=len)
    lines = len(longest)
    figure, axes = open_canvas(
        "", "", height=bar_height(lines, 0.4), columns=len(panels), share_y=True
    )
    all_axes = [axes] if len(panels) == 1 else list(axes)
    labels = [""] * lines
    for panel, (unit, estimates) in zip(all_axes, panels.items(), strict=True):
        for place, estimate in enumerate(estimates):
            if estimate is None:
                continue
            labels[place] = estimate.label
            colour, style = (INK, "o") if estimate.faint else (BLUE, "o")
            y = lines - 1 - place
            alpha = 0.45 if estimate.faint else 1.0
            panel.plot(
                [estimate.low, estimate.high], [y, y], color=colour, alpha=alpha, linewidth=1.6
            )
            fill = "none" if estimate.faint else colour
            panel.plot(
                [estimate.value], [y], style, color=colour, alpha=alpha, markerfacecolor=fill, ms=5
            )
        if reference is not None:
            panel.axvline(reference, color=INK, linestyle=":", linewidth=1)
        panel.set(xlabel=unit, ylim=(-0.7, lines - 0.3))
        panel.locator_params(axis="x", nbins=2 if len(panels) > 1 else 6, min_n_ticks=1)
        panel.grid(False, axis="y")
    all_axes[0].set_yticks(range(lines), labels[::-1])
    figure.suptitle(title, fontsize=9.5)
    return Picture(figure, title.replace("\n", ", "))


@styled
def weeks_plot(
    metric: str, weeks: Sequence[tuple[date, float | None, int | None]], test_from: date
) -> Picture:
    """A metric by week; each week's third item is its number of rows, drawn as background bars.

    Markers of weeks before `test_from` are hollow: those values are out of fold, from models with
    less training history.
    """
    figure, axes = open_canvas("Week beginning (UTC)", metric)
    places, values = (
        np.arange(len(weeks)),
        np.array([np.nan if v is None else v for _, v, _ in weeks]),
    )
    counts = [rows or 0 for _, _, rows in weeks]
    if any(counts):
        background = axes.twinx()
        background.bar(places, counts, width=0.7, color=INK, alpha=0.12)
        background.set(ylabel="Rows (bars)", ylim=(0, max(counts) * 3))
        background.grid(False)
        axes.set_zorder(background.get_zorder() + 1)
        axes.patch.set_visible(False)
    tested = np.array([start >= test_from for start, _, _ in weeks])
    for chosen, fill, label in ((~tested, "none", "out of fold"), (tested, BLUE, "test")):
        if chosen.any():
            axes.plot(
                places[chosen], values[chosen], "o-", color=BLUE, markerfacecolor=fill, label=label
            )
    axes.legend(loc="best")
    shown = slice(None, None, -(-len(weeks) // 7))
    axes.set_xticks(places[shown], [f"{start:%d %b}" for start, _, _ in weeks][shown])
    axes.margins(y=0.3)
    total = f", {sum(counts):,} rows" if any(counts) else ""
    axes.set(title=f"{metric} by week\n{len(weeks)} weeks{total}")
    return Picture(figure, f"{metric} in {len(weeks)} weeks")
