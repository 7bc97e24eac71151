"""Plots of monitoring results, in the style of `evaluation.plots`. Drawing only.

`pictures.py` selects the rows and tables.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.plots.canvas import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    Picture,
    bar_height,
    open_canvas,
    styled,
)
from lakehouse.monitoring.look.cells import Counts
from lakehouse.monitoring.look.volume import DayVolume

Floats = npt.NDArray[np.float64]
Point = tuple[date, float]


@styled
def drift_map(
    days: Sequence[date], names: Sequence[str], psi: Floats, bound: Floats, max_features: int = 20
) -> Picture:
    """PSI as a share of its bound, (days, features): the features that came closest, the worst
    on top. Values beyond their bound are ringed."""
    share = psi / bound
    highest = np.nan_to_num(share).max(axis=0)
    worst = np.argsort(-highest, kind="stable")[:max_features]
    figure, axes = open_canvas("", "", height=bar_height(len(worst)) + 0.4)
    image = axes.imshow(
        share[:, worst].T, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest"
    )
    rings = np.argwhere(share[:, worst].T > 1)
    axes.scatter(rings[:, 1], rings[:, 0], s=14, facecolors="none", edgecolors=ORANGE)
    axes.set_yticks(range(len(worst)), [names[i] for i in worst])
    _day_ticks(axes, days)
    axes.grid(False)
    figure.suptitle(f"PSI as a share of its bound, {len(worst)} of {len(names)} features")
    figure.colorbar(image, ax=axes, extend="max")
    exceeding = [names[i] for i in worst if highest[i] > 1]
    drifted = f"above their bounds: {', '.join(exceeding)}" if exceeding else "none above its bound"
    return Picture(figure, f"Heat map of feature drift over {len(days)} days; {drifted}.")


@styled
def distribution_plot(
    name: str, labels: Sequence[str], reference: Counts, now: Counts, when: str
) -> Picture:
    """Shares of rows by cell, reference and current; `labels` name the cells, empty ones are
    omitted."""
    used = (reference + now) > 0
    shares = [counts[used] / max(int(counts.sum()), 1) for counts in (reference, now)]
    figure, axes = open_canvas("", "Share of rows")
    places = np.arange(int(used.sum()))
    axes.bar(places - 0.2, shares[0], width=0.4, color=BLUE, label="in training")
    axes.bar(places + 0.2, shares[1], width=0.4, color=ORANGE, label=when)
    texts = [label for label, shown in zip(labels, used, strict=True) if shown]
    axes.set_xticks(places, texts, rotation=90, fontsize=7)
    rows = f"{int(reference.sum()):,} rows in training, {int(now.sum()):,} now"
    axes.set(title=f"{name}\n{rows}", xlabel="Cells (numbers: upper edge)")
    axes.legend()
    alt = f"Bar chart of the distribution of {name} in training and from {when}."
    return Picture(figure, alt)


@styled
def score_drift_plot(days: Sequence[date], psi: Floats, bound: Floats, name: str) -> Picture:
    """PSI of the model's output against its test period, by window, with the bound."""
    figure, axes = open_canvas("", "PSI")
    axes.plot(days, psi, "o-", color=BLUE, markersize=3, label=f"{name} against the test period")
    axes.plot(days, bound, "--", color=ORANGE, label="bound")
    axes.set(title=f"Drift of the {name}, by window ending on the day", ylim=(0, None))
    _dates(axes)
    axes.legend()
    return Picture(
        figure, f"Line chart of the PSI of the {name} over {len(days)} days, with its bound."
    )


@styled
def volume_plot(volumes: Sequence[DayVolume]) -> Picture:
    """Rows per day, the median of the same weekday, and the usual range."""
    days = [one.day for one in volumes]
    rows = np.array([one.rows for one in volumes], dtype=float)

    def line(values: Sequence[float | None]) -> Floats:
        return np.array([np.nan if value is None else value for value in values])

    low, high = line([one.low for one in volumes]), line([one.high for one in volumes])
    unusual = (rows < low) | (rows > high)
    figure, axes = open_canvas("", "Rows per day")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.fill_between(days, low, high, color=BLUE, alpha=0.12, linewidth=0, label="usual")
    axes.plot(
        days,
        line([one.expected for one in volumes]),
        ":",
        color=INK,
        label="median of earlier weeks",
    )
    axes.plot(days, rows, "o-", color=BLUE, markersize=3, label="rows")
    if unusual.any():
        axes.plot(np.array(days)[unusual], rows[unusual], "o", color=ORANGE, label="unusual")
    axes.set(title=f"Rows to score, {len(days)} whole days", ylim=(0, None))
    _dates(axes)
    axes.legend()
    return Picture(
        figure, f"Rows per day over {len(days)} days, {int(unusual.sum())} of them unusual."
    )


@styled
def performance_plot(
    metric: str, estimated: Sequence[Point], matured: Sequence[Point], labels_until: date
) -> Picture:
    """The performance that scores predict for each day, and the performance on settled labels.

    Days from `labels_until` on are grey: their labels are pending, so only the estimate exists.
    """
    figure, axes = open_canvas("", metric.replace("_", " "))
    shown = [day for day, _ in (*estimated, *matured)]
    if shown and max(shown) >= labels_until:
        end = max(shown) + timedelta(days=1)
        axes.axvspan(labels_until, end, color=INK, alpha=0.08, linewidth=0, label="labels pending")
    for points, colour, style, label in (
        (estimated, ORANGE, "--", "estimated from the scores"),
        (matured, GREEN, "o-", "on settled labels"),
    ):
        days, values = [day for day, _ in points], [value for _, value in points]
        axes.plot(days, values, style, color=colour, markersize=3, label=label)
    axes.set(title="Estimated from the scores (assuming no concept drift)\nand measured on labels")
    _dates(axes)
    axes.legend()
    alt = (
        f"{metric}, estimated for {len(estimated)} days and measured on labels for {len(matured)}."
    )
    return Picture(figure, alt)


@styled
def calibration_plot(
    days: Sequence[date], ratio: Floats, low: Floats, high: Floats, factor: float
) -> Picture:
    """Observed over expected positives by look, with the interval for all looks and the allowed
    range."""
    figure, axes = open_canvas("", "observed / expected")
    axes.axhspan(1 / factor, factor, color=GREEN, alpha=0.1, linewidth=0, label="allowed")
    axes.axhline(1, color=INK, linewidth=0.8)
    axes.fill_between(days, low, high, color=BLUE, alpha=0.15, linewidth=0, label="interval")
    axes.plot(days, ratio, "o-", color=BLUE, markersize=3, label="all matured rows")
    axes.set(title="Observed over expected positives", ylim=(0, None))
    _dates(axes)
    axes.legend()
    last = f"{ratio[-1]:.2f} ({low[-1]:.2f} to {high[-1]:.2f})"
    alt = f"Observed over expected positives at {len(days)} looks, {last} at the last."
    return Picture(figure, alt)


def _dates(axes: Any) -> None:
    dates: Any = import_module("matplotlib.dates")  # slow to import, and only partly typed
    first, last = axes.dataLim.intervalx
    if first == last:
        axes.set_xlim(first - 1, last + 1)
    locator = dates.DayLocator() if last - first < 7 else dates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def _day_ticks(axes: Any, days: Sequence[date]) -> None:
    step = max(1, -(-len(days) // 4))
    axes.set_xticks(range(0, len(days), step), [f"{day:%b %d}" for day in days[::step]])
