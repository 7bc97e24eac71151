"""The score from which a binary model flags: by capacity, or by the cost of errors.

The k highest scores of a day (week) are unknown at request time. Capacity therefore becomes a
score: the one that earlier days (weeks) would have reached that often, and a share of the rows with
exactly that score. These are pure functions of arrays; `scoring` writes the log.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.evaluation.arrays import Bools, Floats, Ints
from lakehouse.models.lots import lots_by_position
from lakehouse.models.spec import ModelSpec


@dataclass(frozen=True)
class Cut:
    """Scores above `threshold` pass, and the share `ties` of those equal to it.

    A model of few trees gives many rows the same score: without this share, a period would have
    either far more alerts than capacity, or far fewer. Lots from keys decide (`lots.py`).
    """

    threshold: float
    ties: float = 1.0


@dataclass(frozen=True)
class UnitPeriods:
    """One row per unit (card) and period: its best score, and whether any of its rows is positive.

    `row` is the position of the row with the best score (the first of equal ones).
    """

    score: Floats
    period: Ints
    truth: Bools
    row: Ints


def by_unit(
    score: Floats, period: Ints, unit: Ints, truth: Bools, *, known_removed: bool = False
) -> UnitPeriods:
    """Rows grouped into units and periods, for reviewers of units; ordered by period and unit.

    `known_removed` excludes a unit that had a positive in an earlier one of these periods, like the
    card precision of the Fraud Detection Handbook: by then the unit has been dealt with.
    """
    order = np.lexsort((-score, unit, period))
    ordered_period, ordered_unit = period[order], unit[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(ordered_period) != 0) | (np.diff(ordered_unit) != 0)
    first = np.flatnonzero(new)
    is_positive = (
        np.logical_or.reduceat(truth[order], first) if len(first) else np.zeros(0, dtype=bool)
    )
    unit_periods = UnitPeriods(
        score[order][first], ordered_period[first], is_positive, order[first]
    )
    if not known_removed:
        return unit_periods
    units, unit_index = np.unique(unit, return_inverse=True)
    first_positive = np.full(len(units), np.iinfo(np.int64).max)
    np.minimum.at(first_positive, unit_index[truth], period[truth])
    keep = unit_periods.period <= first_positive[unit_index[unit_periods.row]]
    return UnitPeriods(
        unit_periods.score[keep],
        unit_periods.period[keep],
        unit_periods.truth[keep],
        unit_periods.row[keep],
    )


def first_threshold(
    spec: ModelSpec, score: Floats, day: Ints, unit: Ints | None, label: Floats
) -> Cut:
    """A new version's threshold, from final scores (rows,) of rows outside its training data.

    By capacity, the declared number of rows a day (week) pass it on average over these days, or of
    distinct `unit`s if the capacity counts units.
    """
    assert spec.capacity is not None
    rule = spec.threshold
    if rule.rule == "cost":
        assert rule.false_alarm is not None
        assert rule.missed is not None
        return Cut(cost_threshold(rule.false_alarm, rule.missed))
    return trailing_threshold(
        score,
        spec.capacity.period.of(day),
        spec.capacity.alerts,
        unit=unit if spec.capacity.unit else None,
        truth=label > 0 if spec.capacity.known_removed else None,
    )


def trailing_threshold(
    score: Floats,
    period: Ints,
    alerts: int,
    *,
    unit: Ints | None = None,
    truth: Bools | None = None,
) -> Cut:
    """The cut that `alerts` rows (or distinct units) a period pass, on average over these periods.

    `truth`, of rows known to be positive, removes their units from later periods. With fewer
    rows than alerts all of them pass.

    Raises:
        ValueError: without any row.
    """
    periods = len(np.unique(period))
    if unit is not None:
        known = np.zeros(len(score), dtype=bool) if truth is None else truth
        score = by_unit(score, period, unit, known, known_removed=True).score
    return cut_at(score, np.ones(len(score)), periods * alerts)


def cut_at(score: Floats, count: Floats, target: float) -> Cut:
    """The cut that `target` of all scores pass; `count` is how often each of `score` (values,)
    occurs.

    Raises:
        ValueError: without any score.
    """
    if not len(score):
        raise ValueError("a threshold at capacity is taken from scores, and there are none")
    order = np.argsort(-score, kind="stable")
    score, reached = score[order], np.cumsum(count[order])
    last = np.append(np.diff(score) != 0, True)  # equal scores are one block
    score, reached = score[last], reached[last]
    block = min(int(np.searchsorted(reached, target)), len(score) - 1)
    above = float(reached[block - 1]) if block else 0.0
    return Cut(float(score[block]), min(1.0, (target - above) / (float(reached[block]) - above)))


def break_ties(score: Floats, threshold: float | None, ties: float, seed: int) -> Floats:
    """Scores that are at least `threshold` exactly where the cut is passed; (rows,), by key.

    Rows equal to the threshold that do not pass get the next smaller number. So any code that only
    compares with the threshold sees the actual decisions.
    """
    if threshold is None or ties >= 1:
        return score
    out = (score == threshold) & (lots_by_position(len(score), seed) >= ties)
    return np.where(out, np.nextafter(threshold, -np.inf), score)


def cost_threshold(false_alarm: float, missed: float) -> float:
    """The probability from which an alert costs less than no alert.

    An alert costs (1 - p) * `false_alarm`, no alert p * `missed`: Elkan, "The foundations of
    cost-sensitive learning", 2001.
    """
    return false_alarm / (false_alarm + missed)
