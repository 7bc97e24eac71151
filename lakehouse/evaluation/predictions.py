"""Predictions beside the truth, one class per task, with what their metrics need computed once.

Resampling asks for the metrics of the same rows hundreds of times, each time with other weights:
sorting, losses and errors are kept, so that a further set of weights costs a few passes. What is
computed from them is in `metrics`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Floats, Ints

TaskName = Literal["binary", "regression", "multiclass"]

_TINY = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Predictions(ABC):
    """What was predicted for some rows, in a fixed order (by key), and the truth."""

    task: ClassVar[TaskName]

    truth: npt.NDArray[Any]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.truth)

    @property
    @abstractmethod
    def positives(self) -> int:
        """How many rows carry the evidence: positives, rarer classes, or all of a regression."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether no prediction is NaN; else no metric can be computed."""

    def has(self, needs: Iterable[str]) -> bool:
        """Whether all of these attributes are given."""
        return all(getattr(self, name) is not None for name in needs)

    @abstractmethod
    def take(self, chosen: Bools | Ints) -> Self:
        """Only the chosen rows, in the same order; what is defined over all rows is left out."""


@dataclass(frozen=True, eq=False)
class Binary(Predictions):
    """Scores of positives, and the decisions `flagged` (rows,) where a threshold made some.

    `day` (rows,) and `alerts` are what capacity is counted by. The log loss takes scores for
    probabilities.
    """

    task = "binary"

    truth: Bools
    score: Floats
    flagged: Bools | None = None
    day: Ints | None = None
    alerts: int | None = None

    def __post_init__(self) -> None:
        if self.alerts is not None and self.day is None:
            raise ValueError("metrics at capacity need the `day` of each row beside `alerts`")

    @property
    def positives(self) -> int:
        """Rows that are true."""
        return int(self.truth.sum())

    @cached_property
    def complete(self) -> bool:
        """Whether no score is NaN."""
        return not np.isnan(self.score).any()

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows; without metrics at capacity, for the alerts are those of all rows."""
        flagged = None if self.flagged is None else self.flagged[chosen]
        truth, score = self.truth[chosen], self.score[chosen]
        return replace(self, truth=truth, score=score, flagged=flagged, day=None, alerts=None)

    @cached_property
    def right(self) -> Bools | None:
        """Where the decision is the truth; None without decisions."""
        return None if self.flagged is None else np.asarray(self.flagged == self.truth)

    @cached_property
    def losses(self) -> Floats:
        """The negative log likelihood of each row."""
        return negative_log(np.where(self.truth, self.score, 1 - self.score))

    @cached_property
    def counted(self) -> tuple[Ints, Ints, Ints] | None:
        """Places of hits, of all that is flagged and of all positives; None without decisions."""
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
        last = np.searchsorted(descending, value, side="right")
        return Ranking(
            order=order,
            positives=order[places],
            first=np.searchsorted(descending, value, side="left"),
            last=last,
            hits=np.cumsum(count),
            threshold=np.searchsorted(thresholds, last - 1),
            thresholds=len(thresholds),
        )

    @cached_property
    def days(self) -> "Days":
        """The rows by day."""
        assert self.day is not None
        order = np.lexsort((-self.score, self.day))
        places = np.flatnonzero(self.truth[order])
        day = self.day[order]
        start = np.flatnonzero(np.append(True, np.diff(day) != 0)[: len(day)])
        of_positive = start[np.searchsorted(start, places, side="right") - 1]
        return Days(order, np.append(start, len(order)), order[places], places, of_positive)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows from the highest score down, and the scores that positives have, each once.

    `first` and `last` are the places in `order` where the rows of such a score begin and end,
    `hits` how many of `positives` reach it. `threshold` is its place among all distinct scores, of
    which there are `thresholds`.
    """

    order: Ints
    positives: Ints
    first: Ints
    last: Ints
    hits: Ints
    threshold: Ints
    thresholds: int


@dataclass(frozen=True, eq=False)
class Days:
    """Rows by day, the highest score first.

    `bounds` are the places in `order` where days begin, and its end. `places` are those of the
    `positives`, and `start` where the day of each begins.
    """

    order: Ints
    bounds: Ints
    positives: Ints
    places: Ints
    start: Ints


@dataclass(frozen=True, eq=False)
class Regression(Predictions):
    """Forecasts (rows,) in the label's unit, and naive ones to be better than, by name."""

    task = "regression"

    truth: Floats
    forecast: Floats
    naive: Mapping[str, Floats] | None = None

    @property
    def positives(self) -> int:
        """Every row is evidence."""
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
    """Probabilities (rows, classes); truth is class positions, `majority` training's commonest."""

    task = "multiclass"

    truth: Ints
    probability: Floats
    majority: int

    @property
    def positives(self) -> int:
        """Rows that the trivial model gets wrong."""
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
        """The position of the likeliest class."""
        return np.asarray(self.probability.argmax(axis=1))

    @cached_property
    def right(self) -> Bools:
        """Where the likeliest class is the truth."""
        return np.asarray(self.predicted == self.truth)

    @cached_property
    def losses(self) -> Floats:
        """The negative log likelihood of each row."""
        return negative_log(self.probability[np.arange(self.rows), self.truth])

    def confusion(self, weights: Floats | None = None) -> npt.NDArray[Any]:
        """Weights (rows without any) as (classes, classes): by truth, and by prediction."""
        classes = self.probability.shape[1]
        cell = self.truth * classes + self.predicted
        return np.bincount(cell, weights, classes**2).reshape(classes, classes)


def negative_log(likelihood: Floats) -> npt.NDArray[np.float64]:
    """The negative logarithm, finite where a likelihood is 0."""
    found: npt.NDArray[np.float64] = -np.log(np.clip(likelihood.astype(np.float64), _TINY, 1.0))
    return found
