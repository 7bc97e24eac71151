"""Walk-forward folds inside the training period: what is learnt from, what is scored, and the gap.

Times only, and which rows fall into them. Training rows alone take part: validation stops training
and the test judges, so that nothing is chosen, calibrated or thresholded on either.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import DAY, Split
from lakehouse.training.sets.rows import Rows

Mask = npt.NDArray[np.bool_]

SHORTEST = 2
"""A fold learns from at least so many times the length that it scores."""


@dataclass(frozen=True)
class Fold:
    """Bounds as naive UTC midnights; each period holds its start and not its end."""

    train_from: datetime
    train_until: datetime
    score_from: datetime
    score_until: datetime
    settled: bool = True

    def learnt(self, rows: Rows) -> Mask:
        """The rows to learn from: of the period, if `settled` with a label known by its end."""
        inside = _within(rows, self.train_from, self.train_until)
        return inside & (rows.known < _microseconds(self.score_from)) if self.settled else inside

    def scored(self, rows: Rows) -> Mask:
        """The rows to score."""
        return _within(rows, self.score_from, self.score_until)


def walk_forward(spec: ModelSpec, split: Split) -> tuple[Fold, ...]:
    """The declared folds at the end of the training period, the oldest first.

    They score neighbouring stretches of whole days (a part of a day counts as one). Those that
    would have too little to learn from are left out, which may be all.
    """
    length = DAY * max(1, -(-spec.folds.length // DAY))
    settled = spec.folds.settled
    folds = []
    for back in range(spec.folds.count, 0, -1):
        score_from = split.train_until - back * length
        train_until = score_from - spec.gap if settled else score_from
        if train_until - split.train_from >= SHORTEST * length:
            until = score_from + length
            folds.append(Fold(split.train_from, train_until, score_from, until, settled))
    return tuple(folds)


def telling(spec: ModelSpec, folds: tuple[Fold, ...], rows: Rows) -> tuple[Fold, ...]:
    """Those of the folds whose rows can teach and judge: more than one label value on either side.

    (A regression only needs rows to score.)
    """
    return tuple(fold for fold in folds if _tells(spec, fold, rows))


def _tells(spec: ModelSpec, fold: Fold, rows: Rows) -> bool:
    learnt, scored = rows.label[fold.learnt(rows)], rows.label[fold.scored(rows)]
    return len(np.unique(learnt)) >= 2 and len(np.unique(scored)) >= spec.task.least_labels_scored


def _within(rows: Rows, start: datetime, end: datetime) -> Mask:
    mask: Mask = (rows.day >= _days(start)) & (rows.day < _days(end))
    return mask


def _microseconds(time: datetime) -> int:
    return (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


def _days(midnight: datetime) -> int:
    return (midnight - datetime(1970, 1, 1)) // DAY
