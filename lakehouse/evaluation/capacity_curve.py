"""Sensitivity to capacity: recall, amount caught and cost at more or fewer alerts a day (week).

Alerts are the highest scores of each period, as in the metrics at capacity. Amounts are integers in
minor units, so sums are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.evaluation.arrays import Bools, Floats, Ints
from lakehouse.evaluation.intervals import interval_of
from lakehouse.evaluation.periods import PeriodName
from lakehouse.evaluation.resampling import Resampling, resample
from lakehouse.evaluation.review_document import CapacityCurve, CapacityPoint, CurvePoint
from lakehouse.evaluation.running_sums import RunningSums
from lakehouse.evaluation.scales import LOGIT

MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)
_MAX_MULTIPLE = 8
_CURVE_POINTS = 40


@dataclass(frozen=True, eq=False)
class Money:
    """Amounts at stake (rows,) in minor units of `unit`, and the cost of reviewing one alert."""

    amount: Ints
    alert_costs: int
    unit: str
    scale: int


def compute_capacity_curve(
    period: Ints,
    truth: Bools,
    score: Floats,
    declared: int,
    resampling: Resampling,
    money: Money | None = None,
    multiples: Sequence[float] = MULTIPLES,
    *,
    per: PeriodName = "day",
) -> CapacityCurve | None:
    """Results at the `declared` alerts a period and at multiples of it; None without rows.

    Arrays are (rows,); `period` numbers the days, or the weeks if that is what `per` is. The net
    value is the amount of the positives among the alerts minus the cost of reviewing all alerts,
    true and false. It assumes that a caught positive saves its whole amount. The search for the
    peak covers every whole number of alerts up to eight times the capacity. Intervals are from
    `resampling`. Rows must come in a fixed order, which breaks ties between equal scores.
    """
    if not len(period):
        return None
    order = np.lexsort((-score, period))
    ordered = period[order]
    start = np.searchsorted(ordered, ordered, side="left")
    hit = truth[order]
    stake = np.where(hit, money.amount[order], 0) if money else np.zeros(len(period), np.int64)
    max_alerts = max(
        1, min(int((np.arange(len(period)) - start).max()) + 1, _MAX_MULTIPLE * declared)
    )
    rank = np.minimum(np.arange(len(period)) - start, max_alerts)
    alarms, hits, caught = (
        np.cumsum(
            np.bincount(rank, weights=each, minlength=max_alerts + 1).astype(np.int64)[:max_alerts]
        )
        for each in (np.ones(len(period)), hit, stake)
    )
    costs = money.alert_costs if money else 0
    net = caught - costs * alarms
    positives, total = int(hit.sum()), int(stake.sum())
    capacities = sorted({min(max_alerts, max(1, round(declared * each))) for each in multiples})

    places = np.flatnonzero(hit)
    found, staked = order[places], stake[places]
    sums = RunningSums.of(order, np.concatenate([places, start[places]]))

    def shares_found(weights: Floats) -> Floats:
        """Recall and share of the amount at each capacity; a row at the cut-off counts in part."""
        w = weights[found]
        upto, before_period = np.split(sums.before(weights), 2)
        reviewed = np.clip(np.array(capacities)[:, None] - (upto - before_period), 0.0, w)
        wholes = float(np.sum(w)), float(np.sum(w * staked))
        parts = np.sum(reviewed, axis=1), np.sum(reviewed * staked, axis=1)
        shares = [
            part / whole if whole else np.full(len(part), np.nan)
            for part, whole in zip(parts, wholes, strict=True)
        ]
        return np.column_stack(shares)

    repeats = resample(shares_found, resampling)
    values = shares_found(np.ones(len(period)))
    points = tuple(
        CapacityPoint(
            alerts=alerts,
            precision=float(hits[alerts - 1] / alarms[alerts - 1]),
            recall=interval_of(float(values[at, 0]), repeats[:, at, 0], positives, LOGIT),
            caught=int(caught[alerts - 1]) if money else None,
            caught_share=interval_of(float(values[at, 1]), repeats[:, at, 1], positives, LOGIT),
            net=int(net[alerts - 1]) if money else None,
        )
        for at, alerts in enumerate(capacities)
    )
    plotted = np.unique(np.geomspace(1, max_alerts, _CURVE_POINTS).round().astype(int))
    peak = int(net.argmax()) + 1
    return CapacityCurve(
        declared=declared,
        per=per,
        days=len(np.unique(period)),
        points=points,
        curve=tuple(
            CurvePoint(
                alerts=int(alerts),
                recall=float(hits[alerts - 1] / positives),
                caught_share=float(caught[alerts - 1] / total) if total else None,
                net=int(net[alerts - 1]) if money else None,
            )
            for alerts in plotted
        )
        if positives
        else (),
        unit=money.unit if money else "",
        scale=money.scale if money else 0,
        total=total if money else None,
        alert_costs=costs if money else None,
        peak=peak if money and peak < max_alerts and net[peak - 1] > 0 else None,
    )
