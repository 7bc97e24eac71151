"""Metrics of parts of the rows: by the values of a column, and by week."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Floats, Ints
from lakehouse.evaluation.comparisons import MINIMUM_POSITIVES, finite_or_none
from lakehouse.evaluation.document import SegmentMetrics, Week
from lakehouse.evaluation.intervals import LEVEL, interval_of, vector
from lakehouse.evaluation.metrics import find_metric, metric_values
from lakehouse.evaluation.predictions import Predictions
from lakehouse.evaluation.resampling import Resampling, resample

MAX_VALUES = 20


def segment_metrics(
    predictions: Predictions,
    columns: Mapping[str, npt.NDArray[Any]],
    resampling: Resampling,
    *,
    only: Collection[str] | None = None,
    minimum_positives: int = MINIMUM_POSITIVES,
    max_values: int = MAX_VALUES,
    level: float = LEVEL,
) -> tuple[SegmentMetrics, ...]:
    """Metrics with intervals for each value of each column (rows,), the most frequent first.

    A segment with fewer than `minimum_positives` gets None for every metric. At most `max_values`
    values per column are reported. Metrics at capacity are left out, because alerts are shared out
    among all rows. `only` names the metrics to compute.
    """
    return tuple(
        segment
        for column, values in columns.items()
        for segment in _segments(
            predictions, column, values, resampling, only, minimum_positives, max_values, level
        )
    )


def _segments(
    predictions: Predictions,
    column: str,
    values: npt.NDArray[Any],
    resampling: Resampling,
    only: Collection[str] | None,
    minimum_positives: int,
    max_values: int,
    level: float,
) -> list[SegmentMetrics]:
    names, code, rows = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    reported = np.argsort(-rows, kind="stable")[:max_values]
    chosen = [np.flatnonzero(code == each) for each in reported]
    parts = [predictions.take(where) for where in chosen]
    observed = [metric_values(part, only=only) for part in parts]

    def statistic(weights: Floats) -> Floats:
        pairs = zip(parts, chosen, strict=True)
        return np.stack(
            [vector(metric_values(part, weights[where], only)) for part, where in pairs]
        )

    repeats = resample(statistic, resampling)
    return [
        SegmentMetrics(
            column=column,
            value=str(names[each]),
            rows=part.rows,
            positives=part.positives,
            metrics={
                name: interval_of(
                    value, repeats[:, place, at], part.positives, find_metric(name).scale, level
                )
                if part.positives >= minimum_positives
                else None
                for at, (name, value) in enumerate(observed[place].items())
            },
        )
        for place, (each, part) in enumerate(zip(reported, parts, strict=True))
    ]


def weekly_metrics(
    predictions: Predictions, day: Ints, only: Collection[str] | None = None
) -> tuple[Week, ...]:
    """Metrics of each seven days from the first `day` (rows,), counted from 1970-01-01, UTC.

    Weeks without rows are left out; the last may be short.
    """
    if not len(day):
        return ()
    first = int(day.min())
    week = (day - first) // 7
    return tuple(
        Week(
            start=date(1970, 1, 1) + timedelta(days=first + 7 * int(each)),
            metrics={
                name: finite_or_none(value)
                for name, value in metric_values(predictions, (week == each) * 1.0, only).items()
            },
        )
        for each in np.unique(week)
    )
