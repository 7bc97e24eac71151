"""Estimated performance from the scores alone, until labels arrive. A chart, never a trigger.

If a score of .2 means that two in ten are positive, then the sum of scores is the expected number
of positives, and every metric has an expectation (confidence-based performance estimation, as in
NannyML's documentation). It assumes calibrated scores and no concept drift: it can show the effect
of a different mix of rows on a metric, but not of fraudsters who adapt.
"""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import AT_CAPACITY
from lakehouse.lake import qualified, quote
from lakehouse.models import ModelSpec
from lakehouse.monitoring.look.reference import BATCH_ROWS

Floats = npt.NDArray[np.float64]


def estimate(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, first: date
) -> list[dict[str, Any]]:
    """Rows of `layout.ESTIMATED` for the days of decision from `first` on, by metric.

    None for a task whose predictions are not probabilities.
    """
    if not spec.task.has_probabilities:
        return []
    rows = []
    by_week = spec.capacity is not None and spec.capacity.period.days > 1
    for day, score, flagged in _days(cursor, spec, version, first):
        metrics = spec.task.expected(score, flagged, spec.capacity.alerts if spec.capacity else 0)
        if by_week:  # a day has an unknown part of a week's alerts
            metrics = {name: value for name, value in metrics.items() if name not in AT_CAPACITY}
        shared = {"model": spec.name, "version": version, "day": day, "rows": len(score)}
        rows += [{**shared, "metric": metric, "value": value} for metric, value in metrics.items()]
    return rows


def first_new_day(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, after_load: int
) -> date | None:
    """The oldest day of decision among the version's rows in loads after `after_load`."""
    row = cursor.execute(
        f"SELECT min(event_time) FROM {qualified(spec.predictions_table)} "
        "WHERE model_version = ? AND _load_id > ?",
        [version, after_load],
    ).fetchone()
    oldest: datetime | None = row[0] if row else None
    return oldest.date() if oldest else None


def _days(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, first: date
) -> Iterator[tuple[date, Floats, npt.NDArray[np.bool_]]]:
    """Day, scores and decisions, day by day; at most one day and one batch are held in memory."""
    score, decision = spec.task.logged_number, "decision" if spec.task.decides else "true"
    batches = cursor.execute(
        f"SELECT CAST(event_time AS DATE), {quote(score)}, {decision} "
        f"FROM {qualified(spec.predictions_table)} "
        f"WHERE model_version = ? AND event_time >= CAST(? AS TIMESTAMP) "
        f"AND {quote(score)} IS NOT NULL AND NOT isnan({quote(score)}) "
        "ORDER BY 1, 2, 3",  # in any other order a sum could differ in its last bits
        [version, first],
    ).to_arrow_reader(BATCH_ROWS)
    held: list[tuple[Floats, npt.NDArray[np.bool_]]] = []
    current = None
    for batch in batches:
        days, scores, flags = (column.to_numpy(zero_copy_only=False) for column in batch.columns)
        days = days.astype("datetime64[D]")
        cuts = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist(), len(days)]
        for start, end in pairwise(cuts):
            day = days[start].item()
            if held and day != current:
                yield _joined(current, held)
                held = []
            current = day
            held.append((scores[start:end], flags[start:end].astype(bool)))
    if held:
        yield _joined(current, held)


def _joined(
    day: Any, held: list[tuple[Floats, npt.NDArray[np.bool_]]]
) -> tuple[date, Floats, npt.NDArray[np.bool_]]:
    scores, flags = zip(*held, strict=True)
    return day, np.concatenate(scores), np.concatenate(flags)
