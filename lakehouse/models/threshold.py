"""From which score a binary model flags: by what can be looked at in a day, or by what errors cost.

The k highest of a day cannot be known at request time, so capacity becomes a score: the one that
earlier days would have reached so often, and a share of the rows that are equal to it. Pure
functions of arrays; what is logged is `scoring`'s.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.evaluation.arrays import Bools, Floats, Ints
from lakehouse.models.lots import places_lots
from lakehouse.models.spec import ModelSpec


@dataclass(frozen=True)
class Cut:
    """Scores above `threshold` pass, and of those that are equal to it the share `ties`.

    A model of few trees gives one score to many rows: without a part of them a day would bring
    either far more alerts than can be looked at, or far fewer. Lots from keys decide (`lots.py`).
    """

    threshold: float
    ties: float = 1.0


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
) -> Cut:
    """A new version's threshold, from final scores of rows it did not learn from; arrays (rows,).

    By capacity, the declared number of rows a day pass it on average over these days, or of
    distinct `unit`s if the capacity is counted so.
    """
    assert spec.capacity is not None
    rule = spec.threshold
    if rule.rule == "cost":
        assert rule.false_alarm is not None
        assert rule.missed is not None
        return Cut(cost_threshold(rule.false_alarm, rule.missed))
    return trailing_threshold(
        score,
        day,
        spec.capacity.alerts,
        unit=unit if spec.capacity.unit else None,
        truth=label > 0 if spec.capacity.known_removed else None,
    )


def trailing_threshold(
    score: Floats, day: Ints, alerts: int, *, unit: Ints | None = None, truth: Bools | None = None
) -> Cut:
    """What `alerts` rows (or distinct units) a day pass, over the days there are.

    `truth`, of rows known to be positive, removes their units from later days. With fewer rows than
    alerts all of them pass.

    Raises:
        ValueError: without any row.
    """
    days = len(np.unique(day))
    if unit is not None:
        known = np.zeros(len(score), dtype=bool) if truth is None else truth
        score = by_unit(score, day, unit, known, known_removed=True).score
    return cut_at(score, np.ones(len(score)), days * alerts)


def cut_at(score: Floats, count: Floats, wanted: float) -> Cut:
    """What `wanted` of all scores pass, each of `score` (values,) being there `count` times.

    Raises:
        ValueError: without any score.
    """
    if not len(score):
        raise ValueError("a threshold at capacity is taken from scores, and there are none")
    order = np.argsort(-score, kind="stable")
    score, reached = score[order], np.cumsum(count[order])
    last = np.append(np.diff(score) != 0, True)  # equal scores are one block
    score, reached = score[last], reached[last]
    place = min(int(np.searchsorted(reached, wanted)), len(score) - 1)
    above = float(reached[place - 1]) if place else 0.0
    return Cut(float(score[place]), min(1.0, (wanted - above) / (float(reached[place]) - above)))


def decided(score: Floats, threshold: float | None, ties: float, seed: int) -> Floats:
    """Scores that are at least `threshold` exactly where the cut is passed; (rows,), by key.

    Of the rows that are equal to it, those that do not pass are put as little below as a number can
    be. So whatever is judged by a threshold alone judges the decisions.
    """
    if threshold is None or ties >= 1:
        return score
    out = (score == threshold) & (places_lots(len(score), seed) >= ties)
    return np.where(out, np.nextafter(threshold, -np.inf), score)


def cost_threshold(false_alarm: float, missed: float) -> float:
    """The probability from which an alert costs less than silence.

    An alert costs (1 - p) * `false_alarm`, silence p * `missed`: Elkan, "The foundations of
    cost-sensitive learning", 2001.
    """
    return false_alarm / (false_alarm + missed)
