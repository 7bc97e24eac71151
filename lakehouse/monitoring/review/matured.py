"""Scored rows whose labels have settled: the basis of every measured metric of deployed models.

A day has matured when all its labels are known, by the seal of the label source. This module only
reads; the neighbouring modules evaluate the rows.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.periods import DAY, WEEK
from lakehouse.evaluation.predictions import Binary, Multiclass, Predictions
from lakehouse.evaluation.resampling import Resampling
from lakehouse.lake import qualified, quote, table_exists
from lakehouse.lake.layout import shadow_table
from lakehouse.models import ModelSpec
from lakehouse.models.labels import NAIVE_FORECASTS, complete_until, label_query
from lakehouse.models.spec import Forward
from lakehouse.models.tasks.multiclass import in_all_classes
from lakehouse.models.tasks.numbers import floats_or_nan

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, eq=False)
class MaturedRows:
    """One version's rows in key order: predictions and outcomes.

    `day` (rows,) counts days since 1970. Decisions are those that were made, whatever the threshold
    was. `entities` are by column of the spine. `classes` are the positions in `predictions`
    (multiclass only).
    """

    key: npt.NDArray[Any]
    day: npt.NDArray[np.int64]
    entities: dict[str, npt.NDArray[Any]]
    predictions: Predictions
    classes: tuple[str, ...] = ()

    def take(self, chosen: npt.NDArray[Any]) -> "MaturedRows":
        """The rows where this mask is true, or at these positions."""
        taken = self.predictions.take(chosen)
        if isinstance(taken, Binary) and isinstance(self.predictions, Binary):
            # whole periods are kept, so the alerts are still those of all rows
            period = DAY if self.predictions.week is None else WEEK
            taken = taken.with_capacity(period, self.day[chosen], self.predictions.alerts)
        return replace(
            self,
            key=self.key[chosen],
            day=self.day[chosen],
            entities={name: values[chosen] for name, values in self.entities.items()},
            predictions=taken,
        )

    def resampling(self, spec: ModelSpec) -> Resampling:
        """The resampling for intervals of these rows, as `judging` declares."""
        clusters = [self.entities[name] for name in spec.clusters]
        return Resampling.of(self.predictions.rows, *clusters, repeats=spec.judging.repeats)


def matured_until(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> date | None:
    """The day before which every label is known; None if there is none.

    If the capacity is per week, it is a Monday: a week is evaluated as a whole.
    """
    if not table_exists(cursor, spec.label_table):
        return None
    known = complete_until(cursor, spec.label_table, spec.label.known_at)
    if known is None:
        return None
    until = (known + TICK - spec.gap).date()
    return spec.capacity.period.floor(until) if spec.capacity else until


def matured_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str,
    first: date,
    until: date,
    *,
    in_shadow: bool = False,
) -> MaturedRows:
    """Rows that `version` scored, with times in the days from `first` to before `until`.

    `in_shadow`: the rows that it scored without deciding. A row that can be blocked is excluded,
    because a blocked one is never reported: for a model that blocks, only the control stream
    remains. It is a random share of all rows, flagged or not, so no metric is biased.
    """
    table = shadow_table(spec.name) if in_shadow else spec.predictions_table
    logged = (*spec.task.logged, *(["decision"] if spec.task.decides else []))
    selected = {f"logged_{name}": quote(name) for name in logged}
    selected |= {name: quote(name) for name in spec.spine.entities}
    naive = NAIVE_FORECASTS if isinstance(spec.label, Forward) else ()
    if first >= until or not table_exists(cursor, table):
        names = ("key", "day", "label", *selected, *naive)
        return _matured(spec, {name: np.ma.array([]) for name in names})
    days = [datetime.combine(day, datetime.min.time()) for day in (first, until)]
    key, time = quote(spec.spine.key), quote(spec.spine.time)
    if isinstance(spec.label, Forward):  # its labels are computed for a relation of that name
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE spine AS FROM {qualified(spec.spine.table)} "
            f"WHERE {time} >= ? AND {time} < ?",
            days,
        )
    unblocked = "AND p.control IS NOT FALSE" if _has_control(cursor, table) else ""
    columns = "".join(f", p.{column} AS {quote(name)}" for name, column in selected.items())
    forecasts = "".join(f", l.{name}" for name in naive)
    found = cursor.execute(
        f"""SELECT p.{key} AS key, l.label{columns}{forecasts},
                   date_diff('day', DATE '1970-01-01', CAST(p.event_time AS DATE)) AS day
            FROM {qualified(table)} p JOIN ({label_query(cursor, spec)}) l ON l.key = p.{key}
            WHERE p.model_version = ? AND p.event_time >= ? AND p.event_time < ? {unblocked}
            ORDER BY p.{key}""",
        [version, *days],
    ).fetchnumpy()
    return _matured(spec, {name: np.ma.asarray(values) for name, values in found.items()})


def pair_rows(one: MaturedRows, other: MaturedRows) -> tuple[MaturedRows, MaturedRows]:
    """The rows that both have, in the same order."""
    _, mine, theirs = np.intersect1d(one.key, other.key, return_indices=True)
    one, other = one.take(mine), other.take(theirs)
    if not one.classes and not other.classes:
        return one, other
    classes = tuple(sorted({*one.classes, *other.classes}))
    return _in_classes(one, classes), _in_classes(other, classes)


def _has_control(cursor: duckdb.DuckDBPyConnection, table: str) -> bool:
    described = cursor.execute(f"SELECT * FROM {qualified(table)} LIMIT 0").description or ()
    return "control" in [column[0] for column in described]


def _matured(spec: ModelSpec, found: dict[str, Any]) -> MaturedRows:
    day = found["day"].astype(np.int64).filled()
    naive = {name: floats_or_nan(found[name]) for name in NAIVE_FORECASTS if name in found}
    period = spec.capacity.period if spec.capacity else DAY
    predictions, classes = spec.task.from_log(found, naive, _alerts(spec), period)
    entities = {name: np.asarray(found[name]) for name in spec.spine.entities}
    return MaturedRows(np.asarray(found["key"]), day, entities, predictions, classes)


def _alerts(spec: ModelSpec) -> int | None:
    """How many rows can be reviewed a day (week); None where capacity counts other units."""
    if spec.capacity is None or spec.capacity.unit:
        return None
    share = spec.actions.control if spec.actions.mode == "block" else 1.0
    return max(1, round(spec.capacity.alerts * share))


def _in_classes(rows: MaturedRows, classes: tuple[str, ...]) -> MaturedRows:
    assert isinstance(rows.predictions, Multiclass)
    return replace(
        rows, predictions=in_all_classes(rows.predictions, rows.classes, classes), classes=classes
    )
