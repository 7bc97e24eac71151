"""Capacity: whether the number of alerts a day (week) matches the number that can be reviewed.

No labels.
"""

from datetime import date, timedelta

import duckdb

from lakehouse.evaluation.periods import Period
from lakehouse.lake import qualified, quote
from lakehouse.lake.layout import THRESHOLDS
from lakehouse.models import ModelSpec
from lakehouse.models.spec import Capacity
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look.drift import DAY, Days
from lakehouse.scoring.thresholds import known_units

NAME = "alerts_at_capacity"
WINDOW = timedelta(days=28)
MIN_DAYS = 21
"""With fewer days, a few alerts too many or too few a day may be chance."""

TOLERANCE = 0.15
"""Tolerated deviation from the capacity, as a share of it, averaged over the window."""


def capacity_findings(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, days: Days
) -> list[Finding]:
    """Findings on the four weeks up to the newest of `days`; none with less than three weeks.

    For binary models with a threshold at capacity. Periods of the capacity (days, or whole weeks)
    in which the version scored count, in the unit of the capacity: rows, or units that are not yet
    known. The week in which it began to score is left out.
    """
    if spec.capacity is None or spec.threshold.rule != "capacity" or not len(days):
        return []
    unit, period = spec.capacity.unit, spec.capacity.period
    start, until = period.start_sql("p.event_time"), period.floor(days.until)
    counted = f"count(DISTINCT {quote(unit)})" if unit else "count(*)"
    removed = ""
    if unit and spec.capacity.known_removed:
        cursor.register("known", known_units(cursor, spec))
        removed = (
            f"LEFT JOIN known ON known.unit = p.{quote(unit)} "
            f"WHERE {start} <= coalesce(known_at, p.event_time)"
        )
    found = cursor.execute(
        f"""SELECT {counted} FILTER (decision), {counted} FROM (
                FROM {qualified(spec.predictions_table)} WHERE model_version = ?
                AND event_time >= CAST(? AS TIMESTAMP) AND event_time < CAST(? AS TIMESTAMP)
            ) p {removed} GROUP BY {start}
            HAVING {start} >= {_first_whole(spec, period)}""",
        [version, until - WINDOW, until, *([version] if period.days > 1 else [])],
    ).fetchall()
    if removed:
        cursor.unregister("known")
    if len(found) * period.days < MIN_DAYS:
        return []
    mean = sum(alerts for alerts, _ in found) / len(found)
    reviewable = sum(min(rows, spec.capacity.alerts) for _, rows in found) / len(found)
    return [_verdict(spec.capacity, mean, reviewable, len(found), days.until - DAY)]


def _first_whole(spec: ModelSpec, period: Period) -> str:
    """SQL for the start of the first period from which on the version scored all days."""
    if period.days == 1:
        return "TIMESTAMP '-infinity'"
    first = period.start_sql(f"min(event_time) + INTERVAL {period.days - 1} DAY")
    return f"(SELECT {first} FROM {qualified(spec.predictions_table)} WHERE model_version = ?)"


def _verdict(
    declared: Capacity, mean: float, reviewable: float, periods: int, day: date
) -> Finding:
    capacity, period = declared.alerts, declared.period
    deviation = mean / capacity - 1
    if abs(deviation) <= TOLERANCE:
        return Finding(NAME, day, True, mean, float(capacity))
    cause = (
        f"{mean:.1f} alerts {period.rate} on {periods} {period.name}s, {abs(deviation):.0%} "
        f"{'more' if deviation > 0 else 'fewer'} than the {capacity} that can be reviewed"
    )
    remedy = f"see `{THRESHOLDS}`: scores rise or fall faster than `threshold.trailing` can follow"
    if mean < capacity and reviewable < (1 - TOLERANCE) * capacity:
        cause += f"; only {reviewable:.1f} {period.rate} exist to review"
        remedy = "declare a `capacity` that the rows can fill"
    return Finding(NAME, day, False, mean, float(capacity), "warn", cause, remedy)
