"""From which score a binary model flags: by what can be looked at in a day, or by what errors cost.

The k highest of a day cannot be known at request time, so capacity becomes a score: the one that
earlier days would have reached so often. Pure functions of arrays; what is logged is `scoring`'s.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.evaluation.metrics import Bools, Floats, Ints, threshold_at_capacity
from lakehouse.training.spec import ModelSpec


@dataclass(frozen=True)
class UnitDays:
    """One row for each unit (card) and day: its best score, whether any of its rows is positive.

    `row` is the position of the row with the best score (the first of equal ones).
    """

    score: Floats
    day: Ints
    truth: Bools
    row: Ints


def by_unit(
    score: Floats, day: Ints, unit: Ints, truth: Bools, *, known_removed: bool = False
) -> UnitDays:
    """What people see who look at units, not at rows; ordered by day and unit.

    With `known_removed`, a unit that had a positive on an earlier one of these days is left out, as
    the Fraud Detection Handbook's card precision does: by then somebody has seen to it.
    """
    order = np.lexsort((-score, unit, day))
    ordered_day, ordered_unit = day[order], unit[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(ordered_day) != 0) | (np.diff(ordered_unit) != 0)
    first = np.flatnonzero(new)
    hit = np.logical_or.reduceat(truth[order], first) if len(first) else np.zeros(0, dtype=bool)
    made = UnitDays(score[order][first], ordered_day[first], hit, order[first])
    if not known_removed:
        return made
    units, places = np.unique(unit, return_inverse=True)
    found = np.full(len(units), np.iinfo(np.int64).max)
    np.minimum.at(found, places[truth], day[truth])
    keep = made.day <= found[places[made.row]]
    return UnitDays(made.score[keep], made.day[keep], made.truth[keep], made.row[keep])


def first_threshold(
    spec: ModelSpec, score: Floats, day: Ints, unit: Ints | None, label: Floats
) -> float:
    """A new version's threshold, from calibrated out-of-fold scores; arrays (rows,).

    By capacity, the declared number of rows a day reach it on average over these days, or of
    distinct `unit`s if the capacity is counted so; fewer, if so many are not even as likely as any
    row: a model of few trees says the same of most of them, and they would all be alerts.
    """
    assert spec.capacity is not None
    rule = spec.threshold
    if rule.rule == "cost":
        assert rule.false_alarm is not None
        assert rule.missed is not None
        return cost_threshold(rule.false_alarm, rule.missed)
    reached = trailing_threshold(
        score,
        day,
        spec.capacity.alerts,
        unit=unit if spec.capacity.unit else None,
        truth=label > 0 if spec.capacity.known_removed else None,
    )
    return max(reached, float((label > 0).mean()))


def trailing_threshold(
    score: Floats, day: Ints, alerts: int, *, unit: Ints | None = None, truth: Bools | None = None
) -> float:
    """The score that `alerts` rows (or distinct units) a day reached, over the days there are.

    `truth`, of rows known to be positive, removes their units from later days. With fewer rows than
    alerts it is the lowest score.

    Raises:
        ValueError: without any row.
    """
    if not len(score):
        raise ValueError("a threshold at capacity is taken from scores, and there are none")
    days = len(np.unique(day))
    if unit is not None:
        known = np.zeros(len(score), dtype=bool) if truth is None else truth
        score = by_unit(score, day, unit, known, known_removed=True).score
    return threshold_at_capacity(score, days, alerts)


def cost_threshold(false_alarm: float, missed: float) -> float:
    """The probability from which an alert costs less than silence.

    An alert costs (1 - p) * `false_alarm`, silence p * `missed`: Elkan, "The foundations of
    cost-sensitive learning", 2001.
    """
    return false_alarm / (false_alarm + missed)
