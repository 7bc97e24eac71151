"""The plots of one model's monitoring, from the tables of the schema `monitoring`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb
import numpy as np

from lakehouse.evaluation.plots.canvas import Picture
from lakehouse.lake import Lake, layout, qualified, read_progress, table_exists
from lakehouse.models import ModelSpec
from lakehouse.monitoring import plots
from lakehouse.monitoring.look.drift import window_days
from lakehouse.monitoring.look.reference import read_reference
from lakehouse.monitoring.look.volume import DayVolume
from lakehouse.monitoring.plots import Point
from lakehouse.registry.promotion import champion_in

DAYS = 90
MAX_DISTRIBUTIONS = 3


def draw_pictures(spec: ModelSpec, lake: Lake, matured: Sequence[Point] = ()) -> dict[str, bytes]:
    """PNG plots by name, of the champion's last ninety days; none before the first look.

    `matured` is the estimated metric (average precision, or accuracy for a multiclass model) on
    settled labels, by day.
    """
    with lake.reader() as cursor:
        version = champion_in(cursor, spec.name).version
        if not table_exists(cursor, layout.FINDINGS):
            return {}
        drawn = {
            **_features(cursor, spec, version),
            **_scores(cursor, spec, version),
            **_volume(cursor, spec),
            **_performance(cursor, spec, version, matured),
            **_calibration(cursor, spec, version),
        }
    return {name: picture.png() for name, picture in drawn.items()}


def _features(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str
) -> dict[str, Picture]:
    """The drift map of all features, and the distributions of the features that drifted too far
    in the newest whole window: the worst `MAX_DISTRIBUTIONS`, and at least the worst."""
    rows = _recent_rows(
        cursor, layout.FEATURE_DRIFT, spec, version, "name, psi, psi_bound", "judged"
    )
    if not rows:
        return {}
    days = sorted({row[0] for row in rows})
    names = sorted({row[1] for row in rows})
    psi, bound = np.full((2, len(days), len(names)), np.nan)
    for day, name, value, limit in rows:
        place = days.index(day), names.index(name)
        psi[place], bound[place] = value, limit
    drawn = {"feature_drift": plots.drift_map(days, names, psi, bound)}
    last = days[-1]
    first = last - timedelta(days=window_days(spec) - 1)
    references = {one.name: one for one in read_reference(cursor, spec, version)}
    share = psi[-1] / bound[-1]
    for rank, i in enumerate(np.argsort(-share, kind="stable")[:MAX_DISTRIBUTIONS]):
        one = references.get(names[i])
        if one is None or (rank and not share[i] > 1):
            continue
        counted = cursor.execute(
            f"SELECT counts FROM {qualified(layout.FEATURE_DRIFT)} "
            "WHERE model = ? AND version = ? AND name = ? AND day BETWEEN ? AND ?",
            [spec.name, version, one.name, first, last],
        ).fetchall()
        now = np.array([counts for (counts,) in counted], dtype=np.int64).sum(axis=0)
        when = f"{first:%b %d} to {last:%b %d}"
        drawn[f"distribution_{one.name}"] = plots.distribution_plot(
            one.name, one.cells.labels, one.counts, now, when
        )
    return drawn


def _scores(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str) -> dict[str, Picture]:
    rows = _recent_rows(cursor, layout.SCORE_DRIFT, spec, version, "name, psi, psi_bound", "judged")
    drawn = {}
    for name in sorted({row[1] for row in rows}):
        days, _, psi, bound = zip(*[row for row in rows if row[1] == name], strict=True)
        drawn[f"{name}_drift"] = plots.score_drift_plot(days, np.array(psi), np.array(bound), name)
    return drawn


def _volume(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> dict[str, Picture]:
    rows = cursor.execute(
        f"SELECT day, rows, expected, low, high FROM {qualified(layout.VOLUME)} "
        "WHERE model = ? ORDER BY day DESC LIMIT ?",
        [spec.name, DAYS],
    ).fetchall()
    return {"volume": plots.volume_plot([DayVolume(*row) for row in rows[::-1]])} if rows else {}


def _performance(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, matured: Sequence[Point]
) -> dict[str, Picture]:
    metric = spec.task.expected_metric
    if metric is None:
        return {}
    rows = _recent_rows(
        cursor, layout.ESTIMATED, spec, version, "metric, value", "value IS NOT NULL"
    )
    estimated: list[Point] = [(day, value) for day, name, value in rows if name == metric]
    seal = read_progress(cursor, spec.predictions_table).seal
    if not estimated or seal is None:
        return {}
    until = (seal - spec.gap).date() + timedelta(days=1)
    return {"performance": plots.performance_plot(metric, estimated, matured, until)}


def _calibration(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str
) -> dict[str, Picture]:
    columns = "ratio, low, high, bound"
    rows = _recent_rows(cursor, layout.CALIBRATION, spec, version, columns, "ratio IS NOT NULL")
    if not rows:
        return {}
    days, *figures, bounds = zip(*rows, strict=True)
    ratio, low, high = map(np.array, figures)
    return {"calibration": plots.calibration_plot(days, ratio, low, high, bounds[-1])}


def _recent_rows(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    spec: ModelSpec,
    version: str,
    columns: str,
    condition: str,
) -> list[tuple[Any, ...]]:
    """`day` and `columns` of the version's last `DAYS` days, by day."""
    if not table_exists(cursor, table):
        return []
    return cursor.execute(
        f"SELECT day, {columns} FROM {qualified(table)} WHERE model = ? AND version = ? "
        f"AND {condition} QUALIFY day > max(day) OVER () - ? ORDER BY day",
        [spec.name, version, DAYS],
    ).fetchall()
