"""Plots of how a version was chosen, and of a metric's history over versions."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from lakehouse.evaluation.plots.canvas import BLUE, INK, ORANGE, Picture, open_canvas, styled

_SIDE_BY_SIDE = 4


@styled
def metric_history_plot(
    metric: str,
    created: Sequence[datetime],
    values: Sequence[float | None],
    labels: Sequence[str],
    rows: Sequence[float | None],
) -> Picture:
    """One metric over a model's versions, each on the test rows of its own period."""
    figure, axes = open_canvas("Version, creation date, test rows", metric)
    places = range(len(created))
    axes.plot(places, [np.nan if v is None else v for v in values], "o-", color=BLUE)
    names = [
        f"{label}\n{at:%Y-%m-%d}\n{count or 0:,.0f} rows"
        for label, at, count in zip(labels, created, rows, strict=True)
    ]
    is_crowded = len(names) > _SIDE_BY_SIDE
    rotation = {"rotation": 60, "ha": "right"} if is_crowded else {}
    axes.set_xticks(places, names, fontsize=7, **rotation)
    axes.margins(x=0.12)
    axes.set(title=f"{metric}\non each version's own test period")
    return Picture(figure, f"{metric} of {len(created)} versions")


@styled
def search_plot(
    metric: str,
    numbers: Sequence[int],
    values: Sequence[float | None],
    complete: Sequence[bool],
    *,
    lower_is_better: bool = False,
) -> Picture:
    """Each trial's value on the folds, and the best so far among the completed trials."""
    figure, axes = open_canvas("Trial", f"{metric}, mean of the folds")
    x, y = np.asarray(numbers), np.array([np.nan if v is None else v for v in values], dtype=float)
    done = np.asarray(complete, dtype=bool) & np.isfinite(y)
    axes.plot(x[done], y[done], "o", color=BLUE, markersize=4, label="complete")
    stopped = ~done & np.isfinite(y)
    if stopped.any():
        axes.plot(x[stopped], y[stopped], "x", color=INK, markersize=5, label="stopped early")
    best = np.where(done, y, np.inf if lower_is_better else -np.inf)
    best = np.minimum.accumulate(best) if lower_is_better else np.maximum.accumulate(best)
    known = np.isfinite(best)
    axes.step(x[known], best[known], where="post", color=ORANGE, linewidth=1.4, label="best so far")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(title=f"Search: {metric}\n{len(x)} trials")
    axes.legend(loc="best")
    return Picture(figure, f"Search: {metric} of {len(x)} trials, and the best so far")
