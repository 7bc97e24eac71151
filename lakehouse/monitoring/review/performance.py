"""Performance on matured labels: each day's and week's metrics, and whether the champion decays.

The only performance that is measured. It lags by the label maturity, which is why drift and
estimates are monitored as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.evaluation import scan
from lakehouse.evaluation.calibration_error import calibration_bins, expected_calibration_error
from lakehouse.evaluation.document import Evaluation, Interval
from lakehouse.evaluation.intervals import metric_intervals
from lakehouse.evaluation.metrics import ALERTS_PER, find_metric, metric_values
from lakehouse.evaluation.periods import Period, find_period
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.scales import LOGIT, Scale
from lakehouse.lake import layout, qualified, table_exists
from lakehouse.models import ModelSpec
from lakehouse.monitoring.findings import Finding, not_judged
from lakehouse.monitoring.review.matured import MaturedRows

EPOCH = date(1970, 1, 1)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
JUDGED_WINDOW = timedelta(days=28)
"""The matured days on which the champion is compared with its test result."""
ALPHA = 0.01
"""Probability that a champion that has not decayed is called worse in a year of daily looks, if
errors were known. They are estimated, and a tenth too small: in simulations it is at most one
year in twenty (`docs/statistics.md`)."""
WINDOWS_PER_YEAR = timedelta(days=365) / JUDGED_WINDOW


@dataclass(frozen=True)
class Decay:
    """The champion's metric on its last matured days, and on its test period.

    Intervals are for a single look. Where one is None, `missing` gives the reason.
    """

    metric: str
    now: Interval | None
    tested: Interval | None
    positives: int
    missing: str = ""


def performance_rows(
    spec: ModelSpec, version: str, role: str, rows: MaturedRows, first: date, until: date
) -> list[dict[str, Any]]:
    """One row per period and metric: for each day, and for each whole week that ended since
    `first`.

    Weeks begin on Mondays.
    """
    found = []
    for period, start, end in _list_periods(first, until):
        days = (rows.day >= (start - EPOCH).days) & (rows.day < (end - EPOCH).days)
        if not days.any():
            continue
        part = rows.take(days)
        if period == "day" and not _has_daily_capacity(spec):
            part = _without_capacity(part)
        for name, value in period_metrics(spec, part).items():
            found.append(
                {
                    "model": spec.name,
                    "version": version,
                    "role": role,
                    "period": period,
                    "start": start,
                    "rows": part.predictions.rows,
                    "positives": part.predictions.positives,
                    "metric": name,
                    "value": value,
                }
            )
    return found


def period_metrics(spec: ModelSpec, rows: MaturedRows) -> dict[str, float | None]:
    """The metrics of these rows; None where undefined. Decisions are those made at the time."""
    found = metric_values(rows.predictions)
    if isinstance(rows.predictions, Binary) and rows.predictions.flagged is not None:
        counted = find_period("day" if rows.predictions.week is None else "week")
        alerts = _alerts_per(counted, spec, rows, rows.predictions.flagged)
        found[ALERTS_PER[counted.name]] = alerts
        error = expected_calibration_error(
            calibration_bins(rows.predictions.truth, rows.predictions.score)
        )
        found["calibration_error"] = float("nan") if error is None else error
    return {name: float(value) if np.isfinite(value) else None for name, value in found.items()}


def measure_decay(spec: ModelSpec, evaluation: Evaluation, rows: MaturedRows) -> Decay:
    """The champion's primary metric on `rows` against its test result."""
    metric, positives = spec.primary_metric, rows.predictions.positives
    tested = _test_interval(evaluation, metric)
    if tested is None:
        return Decay(metric, None, None, positives, f"its test result has no {metric}")
    if positives < spec.shadow.min_positives:
        required = spec.shadow.min_positives
        missing = (
            f"{positives} positives have matured in {JUDGED_WINDOW.days} days, "
            f"{required} are needed"
        )
        return Decay(metric, None, tested, positives, missing)
    predictions, resampling = rows.predictions, rows.resampling(spec)
    now = metric_intervals(predictions, resampling, only=[metric]).get(metric)
    missing = (
        ""
        if now
        else f"{metric} cannot be computed from the {rows.predictions.rows:,} matured rows"
    )
    return Decay(metric, now, tested, positives, missing)


def decay_finding(spec: ModelSpec, decay: Decay, day: date) -> Finding:
    """Whether the champion does significantly worse than on its test, and than is allowed.

    Its metric has to lie below the test result by more than chance, over all looks of a year
    together and with the test result's own error (`scan.py`), and so far that more than
    `performance_drop` is lost. If it is below a gate by more than chance, the version should not
    decide: then, and only then, an earlier one should. A share of 0 has no value on the metric's
    scale: its upper end is Clopper & Pearson's at the same error probability, and that has to lie
    below the test result's interval.
    """
    name = "matured_performance"
    if decay.now is None or decay.tested is None:
        return not_judged(name, day, decay.missing)
    now, tested, scale = decay.now, decay.tested, find_metric(decay.metric).scale
    lower = find_metric(decay.metric).lower_is_better
    sign = -1 if lower else 1
    error, test_error = _error(now, scale), _error(tested, scale)
    bound = tested.value * (1 - sign * spec.watch.performance_drop)
    gates = [
        gate.at_most if lower else gate.at_least
        for gate in spec.gates
        if gate.metric == decay.metric and gate.of == "test"
    ]
    gate = next((value for value in gates if value is not None), None)
    best = scale.shift(now.value, sign * scan.shortfall_bound(error, 0.0, ALPHA, WINDOWS_PER_YEAR))
    is_zero = scale is LOGIT and now.value == 0
    if is_zero:
        best = max(now.high, _zero_upper_bound(decay.positives))
    below = gate is not None and sign * best < sign * gate
    loss = sign * scale.distance(tested.value, now.value)
    chance = scan.shortfall_bound(error, test_error, ALPHA, WINDOWS_PER_YEAR)
    by_chance = best >= tested.low if is_zero else loss <= chance
    decayed = not by_chance and sign * now.value < sign * bound
    if not (below or decayed):
        return Finding(name, day, True, now.value, bound)
    return Finding(
        name=name,
        day=day,
        passed=False,
        value=now.value,
        bound=gate if below else bound,
        severity="error" if below else "warn",
        cause=f"{decay.metric} is {now.value:.4g} (at best {best:.4g}) on "
        f"{decay.positives:,} matured positives; in the test period it was {tested.value:.4g}",
        remedy="a retrain is requested; `lakehouse models compare` shows whether an earlier "
        "version performs better",
        rollback=below,
    )


def _test_interval(evaluation: Evaluation, metric: str) -> Interval | None:
    """The metric on test; without an interval it counts as exact."""
    value = evaluation.metrics.get("test", {}).get(metric)
    if value is None:
        return None
    return evaluation.intervals.get(metric) or Interval(value=value, low=value, high=value)


def _error(found: Interval, scale: Scale) -> float:
    """The standard error on the scale: half the interval's length there, over its quantile."""
    low, high = scale.deviations(np.array([found.low, found.high]), found.value)
    return float(high - low) / 2 / NormalDist().inv_cdf((1 + found.level) / 2)


def _zero_upper_bound(trials: int) -> float:
    """The highest share at which no success in `trials` is still chance, over a year's looks."""
    tail = 1 - NormalDist().cdf(scan.shortfall_bound(1.0, 0.0, ALPHA, WINDOWS_PER_YEAR))
    return 1.0 - float(tail ** (1 / max(trials, 1)))


def performance_history(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, metric: str, period: str = "day"
) -> list[tuple[date, float]]:
    """The measured metric of the deciding versions, oldest first, in each period where it is
    defined."""
    if not table_exists(cursor, layout.PERFORMANCE):
        return []
    rows = cursor.execute(
        f"SELECT start, value FROM {qualified(layout.PERFORMANCE)} WHERE model = ? AND metric = ? "
        "AND period = ? AND role = 'champion' AND value IS NOT NULL ORDER BY start",
        [spec.name, metric, period],
    ).fetchall()
    return [(day, value) for day, value in rows]


def _has_daily_capacity(spec: ModelSpec) -> bool:
    return spec.capacity is None or spec.capacity.period.days == 1


def _without_capacity(rows: MaturedRows) -> MaturedRows:
    """The rows by day, without the alerts of a week, of which a day has an unknown part."""
    predictions = rows.predictions
    if not isinstance(predictions, Binary):
        return rows
    return replace(rows, predictions=predictions.with_capacity(find_period("day"), rows.day, None))


def _alerts_per(
    period: Period, spec: ModelSpec, rows: MaturedRows, flagged: npt.NDArray[np.bool_]
) -> float:
    """In the unit of the capacity; for a control stream, extrapolated to all rows."""
    inside = period.of(rows.day)
    alerted = inside[flagged]
    unit = spec.capacity.unit if spec.capacity else ""
    units = rows.entities[unit][flagged] if unit else ()
    alerts = len(set(zip(alerted, units, strict=True))) if unit else len(alerted)
    share = spec.actions.control if spec.actions.mode == "block" else 1.0
    return alerts / share / len(np.unique(inside))


def _list_periods(first: date, until: date) -> Iterator[tuple[str, date, date]]:
    day = first
    while day < until:
        yield "day", day, day + DAY
        if day.weekday() == 6:
            yield "week", day + DAY - WEEK, day + DAY
        day += DAY
