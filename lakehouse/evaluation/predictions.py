"""Predictions with the truth, one class per task, with cached intermediate results.

Resampling computes the metrics of the same rows hundreds of times with different weights. Sorting,
losses and errors are cached, so each further set of weights costs a few passes. The metrics
themselves are in `metrics`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Floats, Ints
from lakehouse.evaluation.periods import Period
from lakehouse.evaluation.running_sums import RunningSums

TaskName = Literal["binary", "regression", "multiclass"]

_TINY = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Predictions(ABC):
    """Predictions for some rows, in a fixed order (by key), and the truth."""

    task: ClassVar[TaskName]

    truth: npt.NDArray[Any]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.truth)

    @property
    @abstractmethod
    def positives(self) -> int:
        """The number of rows that carry evidence: positives, rare classes, or all (regression)."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether no prediction is NaN; otherwise no metric can be computed."""

    def has(self, needs: Iterable[str]) -> bool:
        """Whether all of these attributes are present."""
        return all(getattr(self, name) is not None for name in needs)

    @abstractmethod
    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows, in the same order; attributes defined over all rows are left out."""


@dataclass(frozen=True, eq=False)
class Binary(Predictions):
    """Scores of positives, and the decisions `flagged` (rows,) if a threshold made them.

    `alerts` and the `day` of each row (rows,) define capacity; of a capacity a week, the `week`
    instead. The log loss treats scores as probabilities.
    """

    task = "binary"

    truth: Bools
    score: Floats
    flagged: Bools | None = None
    day: Ints | None = None
    alerts: int | None = None
    week: Ints | None = None

    def __post_init__(self) -> None:
        if self.alerts is not None and self.period is None:
            raise ValueError(
                "metrics at capacity need the `day` or `week` of each row as well as `alerts`"
            )
        if self.day is not None and self.week is not None:
            raise ValueError("the capacity is either of each `day` or of each `week`")

    @property
    def period(self) -> Ints | None:
        """The day or week of each row, if known."""
        return self.day if self.week is None else self.week

    def with_capacity(self, period: Period, day: Ints, alerts: int | None) -> Self:
        """The same rows with their `day` (rows,) and the alerts of each period."""
        given = period.of(day)
        is_week = period.name == "week"
        return replace(
            self, day=None if is_week else given, week=given if is_week else None, alerts=alerts
        )

    @property
    def positives(self) -> int:
        """Rows whose truth is positive."""
        return int(self.truth.sum())

    @cached_property
    def complete(self) -> bool:
        """Whether no score is NaN."""
        return not np.isnan(self.score).any()

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows, without capacity metrics, because the alerts are those of all rows."""
        flagged = None if self.flagged is None else self.flagged[chosen]
        truth, score = self.truth[chosen], self.score[chosen]
        return replace(
            self, truth=truth, score=score, flagged=flagged, day=None, week=None, alerts=None
        )

    @cached_property
    def correct(self) -> Bools | None:
        """Where the decision matches the truth; None without decisions."""
        return None if self.flagged is None else np.asarray(self.flagged == self.truth)

    @cached_property
    def losses(self) -> Floats:
        """The negative log likelihood of each row."""
        return negative_log(np.where(self.truth, self.score, 1 - self.score))

    @cached_property
    def outcome_indices(self) -> tuple[Ints, Ints, Ints] | None:
        """Indices of true positives, flagged rows and positives; None without decisions."""
        if self.flagged is None:
            return None
        masks = (self.flagged & self.truth, self.flagged, self.truth)
        hits, alarms, positives = (np.flatnonzero(mask) for mask in masks)
        return hits, alarms, positives

    @cached_property
    def ranking(self) -> "Ranking":
        """The rows by score."""
        order = np.argsort(-self.score, kind="stable")
        descending = -self.score[order]
        places = np.flatnonzero(self.truth[order])
        value, count = np.unique(descending[places], return_counts=True)
        thresholds = np.flatnonzero(np.append(np.diff(descending) != 0, True)[: len(order)])
        first = np.searchsorted(descending, value, side="left")
        last = np.searchsorted(descending, value, side="right")
        return Ranking(
            positives=order[places],
            sums=RunningSums.of(order, np.concatenate([first, last, [len(order)]])),
            hits=np.cumsum(count),
            threshold=np.searchsorted(thresholds, last - 1),
            thresholds=len(thresholds),
        )

    @cached_property
    def periods(self) -> "Periods":
        """The rows by day or week."""
        assert self.period is not None
        order = np.lexsort((-self.score, self.period))
        places = np.flatnonzero(self.truth[order])
        period = self.period[order]
        start = np.flatnonzero(np.append(True, np.diff(period) != 0)[: len(period)])
        of_positive = start[np.searchsorted(start, places, side="right") - 1]
        positions = np.concatenate([places, of_positive, start, [len(order)]])
        return Periods(order[places], RunningSums.of(order, positions))


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in descending order of score, and the distinct scores of positives.

    `sums` are those before and after the rows of each such score, and of all rows. `hits` is the
    number of `positives` that reach the score. `threshold` is its position among all distinct
    scores; `thresholds` is the number of those.
    """

    positives: Ints
    sums: RunningSums
    hits: Ints
    threshold: Ints
    thresholds: int

    def weight(self, weights: Floats) -> tuple[Floats, Floats, float]:
        """The weight above each score, down to and with it, and of all rows."""
        found = self.sums.before(weights)
        above, upto = np.split(found[:-1], 2)
        return above, upto, float(found[-1])


@dataclass(frozen=True, eq=False)
class Periods:
    """Rows by day or week, in descending order of score.

    `sums` are those before each of the `positives`, before the period of each, and before each
    period and the end.
    """

    positives: Ints
    sums: RunningSums

    def weight(self, weights: Floats) -> tuple[Floats, Floats]:
        """The weight ahead of each positive in its period, and of each period."""
        found, count = self.sums.before(weights), len(self.positives)
        return found[:count] - found[count : 2 * count], np.diff(found[2 * count :])


@dataclass(frozen=True, eq=False)
class Regression(Predictions):
    """Forecasts (rows,) in the label's unit, and naive baselines by name."""

    task = "regression"

    truth: Floats
    forecast: Floats
    naive: Mapping[str, Floats] | None = None

    @property
    def positives(self) -> int:
        """The number of rows: each one is evidence."""
        return self.rows

    @cached_property
    def complete(self) -> bool:
        """Whether no forecast is NaN."""
        return not np.isnan(self.forecast).any()

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows."""
        naive = self.naive and {name: values[chosen] for name, values in self.naive.items()}
        return replace(self, truth=self.truth[chosen], forecast=self.forecast[chosen], naive=naive)

    @cached_property
    def errors(self) -> Floats:
        """The absolute error of each row."""
        return np.abs(self.forecast.astype(np.float64) - self.truth)

    @cached_property
    def naive_errors(self) -> tuple[Floats, ...]:
        """The absolute errors of each naive forecast."""
        return tuple(np.abs(values - self.truth) for values in (self.naive or {}).values())


@dataclass(frozen=True, eq=False)
class Multiclass(Predictions):
    """Probabilities (rows, classes); truth is class indices, `majority` training's modal class."""

    task = "multiclass"

    truth: Ints
    probability: Floats
    majority: int

    @property
    def positives(self) -> int:
        """Rows that the majority-class baseline gets wrong."""
        return int((self.truth != self.majority).sum())

    @cached_property
    def complete(self) -> bool:
        """Whether no probability is NaN."""
        return not np.isnan(self.probability).any()

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows."""
        return replace(self, truth=self.truth[chosen], probability=self.probability[chosen])

    @cached_property
    def predicted(self) -> Ints:
        """The index of the likeliest class."""
        return np.asarray(self.probability.argmax(axis=1))

    @cached_property
    def correct(self) -> Bools:
        """Where the likeliest class matches the truth."""
        return np.asarray(self.predicted == self.truth)

    @cached_property
    def losses(self) -> Floats:
        """The negative log likelihood of each row."""
        return negative_log(self.probability[np.arange(self.rows), self.truth])

    def confusion(self, weights: Floats | None = None) -> npt.NDArray[Any]:
        """Confusion matrix (classes, classes) of weights, or row counts: truth by prediction."""
        classes = self.probability.shape[1]
        cell = self.truth * classes + self.predicted
        return np.bincount(cell, weights, classes**2).reshape(classes, classes)


def negative_log(likelihood: Floats) -> npt.NDArray[np.float64]:
    """The negative logarithm, finite where a likelihood is 0."""
    found: npt.NDArray[np.float64] = -np.log(np.clip(likelihood.astype(np.float64), _TINY, 1.0))
    return found
