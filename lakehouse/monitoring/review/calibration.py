"""Calibration on matured labels: whether the champion's probabilities still match the outcomes.

Each day, one look covers all rows that have matured since the test period (or since looking started
over), so the interval has to hold for all looks together. Nothing acts on the result here.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from lakehouse.evaluation.calibration_error import calibration_slope, design_effect
from lakehouse.evaluation.document import Interval
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.sequential import boundary
from lakehouse.lake import layout, qualified, table_exists
from lakehouse.models import ModelSpec
from lakehouse.monitoring.findings import Finding, not_judged
from lakehouse.monitoring.review.matured import MaturedRows

NAME = "calibration"
STRETCH_LENGTH = timedelta(days=90)
"""Looking starts over after this time: it bounds the cost, an old error does not hide a new one,
and the allowed error is per such period."""
ALPHA = 0.025
DAY = timedelta(days=1)


@dataclass(frozen=True)
class CalibrationLook:
    """One look: `observed` positives where `expected` was the sum of the scores of `rows`.

    `ratio` is observed over expected, with an interval that holds for all looks together; None if
    nothing was expected. `slope` is as in `calibration_slope`.
    """

    rows: int
    observed: int
    expected: float
    ratio: Interval | None
    slope: float | None


def find_look_start(tested_until: date, until: date) -> date:
    """The first day of the rows that a look at all days before `until` covers."""
    return (
        tested_until
        + max(until - tested_until - DAY, timedelta()) // STRETCH_LENGTH * STRETCH_LENGTH
    )


def measure_calibration(spec: ModelSpec, rows: MaturedRows) -> CalibrationLook | None:
    """How far scores and outcomes of these rows differ; None unless the model is binary."""
    predictions = rows.predictions
    if not isinstance(predictions, Binary):
        return None
    observed, expected = int(predictions.truth.sum()), float(predictions.score.sum())
    effect = (
        design_effect(predictions.truth, predictions.score, rows.resampling(spec))
        if predictions.rows
        else None
    )
    ratio = None if effect is None else always_valid_interval(observed, expected, effect)
    slope = calibration_slope(predictions.truth, predictions.score) if predictions.rows else None
    return CalibrationLook(predictions.rows, observed, expected, ratio, slope)


def always_valid_interval(
    observed: int, expected: float, effect: float, alpha: float = ALPHA
) -> Interval:
    """Observed over expected, with an interval that holds for any number of looks.

    The interval contains the ratios at which the observed count lies within `boundary` standard
    errors of the count that they predict, whose variance is `effect` times itself: the score
    interval of a Poisson mean (Wilson's for counts), a quadratic equation. Unlike a standard error
    at the observed count, it also has an upper end when there are no positives.
    """
    reach = boundary(max(1, round(expected)), alpha=alpha) ** 2 * effect
    middle, half = observed + reach / 2, math.sqrt(reach * observed + reach**2 / 4)
    low, high = max(0.0, middle - half) / expected, (middle + half) / expected
    return Interval(value=observed / expected, low=low, high=high, level=1 - 2 * alpha)


def calibration_finding(spec: ModelSpec, found: CalibrationLook, day: date) -> Finding:
    """Whether observed over expected is shown to lie beyond `watch.calibration`, to either side.

    Not judged until enough labels have matured.
    """
    factor = spec.watch.calibration
    required = spec.shadow.min_positives
    if found.ratio is None or max(found.observed, found.expected) < required:
        return not_judged(
            NAME,
            day,
            f"{found.observed} positives have matured where {found.expected:.1f} were expected; "
            f"{required} are needed (`shadow.min_positives`)",
        )
    ratio = found.ratio
    too_low, too_high = ratio.high < 1 / factor, ratio.low > factor
    bound = 1 / factor if ratio.value < 1 else factor
    if not (too_low or too_high):
        return Finding(NAME, day, True, ratio.value, bound)
    slope = "" if found.slope is None else f"; the slope is {found.slope:.2f}"
    return Finding(
        name=NAME,
        day=day,
        passed=False,
        value=ratio.value,
        bound=bound,
        cause=f"{found.observed} positives have matured where {found.expected:.1f} were expected: "
        f"{ratio.value:.2f} times as many, with an interval of {ratio.low:.2f} to {ratio.high:.2f} "
        f"({ratio.level:.0%} for all looks together){slope}",
        remedy="do not read scores as probabilities, and retrain: the prior shift and the "
        "calibration are then fitted to newer rows. Thresholds at capacity are not affected",
    )


def last_look(cursor: duckdb.DuckDBPyConnection, model: str, version: str) -> dict[str, Any] | None:
    """The newest row of `layout.CALIBRATION` for a version; None if none of its labels have
    matured."""
    if not table_exists(cursor, layout.CALIBRATION):
        return None
    rows = cursor.execute(
        f"FROM {qualified(layout.CALIBRATION)} WHERE model = ? AND version = ? "
        "ORDER BY day DESC LIMIT 1",
        [model, version],
    ).to_arrow_table()
    found: list[dict[str, Any]] = rows.to_pylist()
    return found[0] if found else None


def calibration_row(
    spec: ModelSpec, version: str, day: date, found: CalibrationLook, finding: Finding
) -> dict[str, Any]:
    """A look as a row to store; `day` is the last day that had matured."""
    ratio = found.ratio
    return {
        "model": spec.name,
        "version": version,
        "day": day,
        "rows": found.rows,
        "observed": found.observed,
        "expected": found.expected,
        "ratio": ratio.value if ratio else None,
        "low": ratio.low if ratio else None,
        "high": ratio.high if ratio else None,
        "slope": found.slope,
        "bound": spec.watch.calibration,
        "passed": finding.passed,
    }
