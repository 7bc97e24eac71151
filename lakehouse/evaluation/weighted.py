"""Predictions beside the truth, and their metrics when every row counts `weight` times.

Made for resampling: sorting is done once, and each further set of weights costs a few passes over
the rows. Weights need not be whole numbers; where they are, a metric is that of the rows repeated
so often. The definitions are those of `metrics.py`, which judges this module in the tests.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import Bools, Floats, Ints

Parts = dict[tuple[str, ...], Callable[[Floats], Sequence[float]]]


@dataclass(frozen=True, eq=False)
class Predictions(ABC):
    """What was said of some rows, in a fixed order (by key), and what came."""

    truth: npt.NDArray[Any]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.truth)

    @property
    @abstractmethod
    def positives(self) -> int:
        """How many rows carry the evidence: positives, rarer classes, or all of a regression."""

    @abstractmethod
    def _parts(self) -> Parts:
        """How each metric is made from weights; those in one part come together."""

    @abstractmethod
    def take(self, chosen: Bools | Ints) -> Self:
        """Only the chosen rows, in the same order; what is defined over all rows is left out."""

    def metrics(
        self, weights: Floats | None = None, only: Collection[str] | None = None
    ) -> dict[str, float]:
        """Values by metric, with rows counted by `weights` (rows,), once each if there are none.

        What cannot be told is NaN. `only` names the metrics wanted: the others cost nothing.
        """
        w = np.ones(self.rows) if weights is None else weights
        return {
            name: value
            for names, part in self._parts().items()
            if only is None or not set(names).isdisjoint(only)
            for name, value in zip(names, part(w), strict=True)
            if only is None or name in only
        }


@dataclass(frozen=True, eq=False)
class Binary(Predictions):
    """Scores of positives. `threshold` adds decisions; `day` (rows,) and `alerts`, capacity.

    The log loss takes scores for probabilities.
    """

    truth: Bools
    score: Floats
    threshold: float | None = None
    day: Ints | None = None
    alerts: int | None = None

    @property
    def positives(self) -> int:
        """Rows that are true."""
        return int(self.truth.sum())

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows; without metrics at capacity, for the alerts are those of all rows."""
        return replace(
            self, truth=self.truth[chosen], score=self.score[chosen], day=None, alerts=None
        )

    def _parts(self) -> Parts:
        parts: Parts = {
            ("average_precision", "auc_roc"): self._ranking,
            ("log_loss",): lambda weights: [_ratio(_sum(weights, self._loss), _sum(weights))],
        }
        if self.threshold is not None:
            parts["accuracy", "precision", "recall", "f1"] = self._decisions
        if self.alerts is not None:
            parts["precision_at_capacity", "recall_at_capacity"] = self._at_capacity
        return parts

    def _ranking(self, weights: Floats) -> list[float]:
        """Average precision and AUC from sums at the end of each positive's group of ties."""
        order, places, first, last, last_hit, first_hit = self._ranks
        total = np.concatenate([[0.0], np.cumsum(weights[order])])
        hit = weights[order[places]]
        hits = np.concatenate([[0.0], np.cumsum(hit)])
        positive, negative = hits[-1], total[-1] - hits[-1]
        if not positive:
            return [float("nan"), float("nan")]
        with np.errstate(invalid="ignore"):  # a group without weight: its positives have none
            precision = np.where(hit > 0, hits[last_hit] / total[last], 0.0)
        above = total[first] - hits[first_hit]  # negatives scored higher than this positive's ties
        upto = total[last] - hits[last_hit]
        beaten = negative - (above + upto) / 2
        average = _sum(hit, precision) / float(positive)
        return [average, _ratio(_sum(hit, beaten), float(positive * negative))]

    def _decisions(self, weights: Floats) -> list[float]:
        total, positives = _sum(weights), _sum(weights, self.truth)
        alarms, hits = _sum(weights, self._flagged), _sum(weights, self._flagged & self.truth)
        return [
            _ratio(total - alarms - positives + 2 * hits, total),
            hits / alarms if alarms else 0.0,
            _ratio(hits, positives),
            _ratio(2 * hits, alarms + positives),
        ]

    def _at_capacity(self, weights: Floats) -> list[float]:
        """The first `alerts` of each day's weight; a row at the edge counts in part."""
        order, start, hit = self._days
        total = np.concatenate([[0.0], np.cumsum(weights[order])])
        ahead = total[:-1] - total[start]
        looked_at = np.clip((self.alerts or 0) - ahead, 0.0, np.diff(total))
        hits = _sum(looked_at, hit)
        return [_ratio(hits, _sum(looked_at)), _ratio(hits, _sum(weights, self.truth))]

    @cached_property
    def _flagged(self) -> Bools:
        return self.score >= (np.inf if self.threshold is None else self.threshold)

    @cached_property
    def _loss(self) -> Floats:
        chosen = np.where(self.truth, self.score, 1 - self.score).astype(np.float64)
        return -np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0))

    @cached_property
    def _ranks(self) -> tuple[Ints, ...]:
        """Rows from the highest score down, the positives' places, and where their ties lie."""
        order = np.argsort(-self.score, kind="stable")
        score = self.score[order]
        places = np.flatnonzero(self.truth[order])
        first = np.searchsorted(-score, -score[places], side="left")
        last = np.searchsorted(-score, -score[places], side="right")
        last_hit = np.searchsorted(places, last, side="left")
        return order, places, first, last, last_hit, np.searchsorted(places, first, side="left")

    @cached_property
    def _days(self) -> tuple[Ints, Ints, Bools]:
        """Rows by day, highest score first; where each one's day starts; which are positive."""
        if self.day is None:
            raise ValueError("metrics at capacity need the `day` of each row beside `alerts`")
        order = np.lexsort((-self.score, self.day))
        day = self.day[order]
        return order, np.searchsorted(day, day, side="left"), self.truth[order]


@dataclass(frozen=True, eq=False)
class Regression(Predictions):
    """Forecasts (rows,) in the label's unit, and naive ones to be better than, by name."""

    truth: Floats
    forecast: Floats
    naive: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def positives(self) -> int:
        """Every row is evidence."""
        return self.rows

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows."""
        naive = {name: values[chosen] for name, values in self.naive.items()}
        return replace(self, truth=self.truth[chosen], forecast=self.forecast[chosen], naive=naive)

    def _parts(self) -> Parts:
        names = ("mae", "rmse", "better_than_naive") if self.naive else ("mae", "rmse")
        return {names: self._errors}

    def _errors(self, weights: Floats) -> list[float]:
        """Errors, and the share by which the MAE undercuts that of the best naive forecast."""
        total = _sum(weights)
        mae = _ratio(_sum(weights, self._error), total)
        values = [mae, _ratio(_sum(weights, self._error**2), total) ** 0.5]
        if self.naive:
            best = min(_ratio(_sum(weights, error), total) for error in self._naive_errors)
            values.append(1 - _ratio(mae, best))
        return values

    @cached_property
    def _error(self) -> Floats:
        return np.abs(self.forecast.astype(np.float64) - self.truth)

    @cached_property
    def _naive_errors(self) -> tuple[Floats, ...]:
        return tuple(np.abs(values - self.truth) for values in self.naive.values())


@dataclass(frozen=True, eq=False)
class Multiclass(Predictions):
    """Probabilities (rows, classes); truth is class positions, `majority` training's commonest."""

    truth: Ints
    probability: Floats
    majority: int

    @property
    def positives(self) -> int:
        """Rows that the trivial model gets wrong."""
        return int((self.truth != self.majority).sum())

    def take(self, chosen: Bools | Ints) -> Self:
        """The chosen rows."""
        return replace(self, truth=self.truth[chosen], probability=self.probability[chosen])

    def _parts(self) -> Parts:
        return {
            ("macro_f1", "accuracy", "better_than_majority"): self._table,
            ("log_loss",): lambda weights: [_ratio(_sum(weights, self._loss), _sum(weights))],
        }

    def _table(self, weights: Floats) -> list[float]:
        """From the weighted confusion table; F1 is over the classes that are there or said."""
        classes, total = self.probability.shape[1], _sum(weights)
        table = np.bincount(self._cell, weights, classes**2).reshape(classes, classes)
        either = table.sum(axis=0) + table.sum(axis=1)
        right = 2 * np.diag(table)[either > 0] / either[either > 0]
        accuracy = _ratio(float(np.trace(table)), total)
        gain = accuracy - _ratio(float(table[self.majority].sum()), total)
        return [float(right.mean()) if len(right) else float("nan"), accuracy, gain]

    @cached_property
    def _cell(self) -> Ints:
        """Where in the confusion table, (classes x classes) laid flat, each row is."""
        cell: Ints = self.truth * self.probability.shape[1] + self.probability.argmax(axis=1)
        return cell

    @cached_property
    def _loss(self) -> Floats:
        chosen = self.probability[np.arange(self.rows), self.truth].astype(np.float64)
        return -np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0))


def _sum(weights: Floats, values: npt.NDArray[Any] | None = None) -> float:
    """Sum of weighted values. Not `@`: that one's last bits depend on the number of threads."""
    return float(np.sum(weights if values is None else weights * values))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
