"""Walk-forward folds inside the training period: training rows, gap, scored rows.

This module handles only times and the rows within them. Folds use training rows alone: validation
rows stop training and test rows evaluate, so neither is used for choices, calibration or
thresholds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.periods import midnight
from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import DAY, Split
from lakehouse.training.sets.rows import Rows

Mask = npt.NDArray[np.bool_]

MIN_TRAIN_RATIO = 2
"""The training part of a fold is at least this many times as long as the scored part."""


@dataclass(frozen=True)
class Fold:
    """Bounds as naive UTC midnights; each period includes its start and excludes its end."""

    train_from: datetime
    train_until: datetime
    score_from: datetime
    score_until: datetime
    settled: bool = True

    def train_mask(self, rows: Rows) -> Mask:
        """A mask of training rows; if `settled`, their labels were known before scoring began."""
        inside = _within(rows, self.train_from, self.train_until)
        return (
            inside & (rows.label_known_at < _microseconds(self.score_from))
            if self.settled
            else inside
        )

    def score_mask(self, rows: Rows) -> Mask:
        """A mask of the rows to score."""
        return _within(rows, self.score_from, self.score_until)


def walk_forward(spec: ModelSpec, split: Split) -> tuple[Fold, ...]:
    """The declared folds at the end of the training period, oldest first.

    They score adjacent periods of whole days (a part of a day counts as one), the last of which
    ends at the last midnight of the training period. Folds with too short
    a training part are left out; the result may be empty.
    """
    length = DAY * max(1, -(-spec.folds.length // DAY))
    settled, end = spec.folds.settled, midnight(split.train_until)
    folds = []
    for back in range(spec.folds.count, 0, -1):
        score_from = end - back * length
        train_until = score_from - spec.gap if settled else score_from
        if train_until - split.train_from >= MIN_TRAIN_RATIO * length:
            until = score_from + length
            folds.append(Fold(split.train_from, train_until, score_from, until, settled))
    return tuple(folds)


def usable_folds(spec: ModelSpec, folds: tuple[Fold, ...], rows: Rows) -> tuple[Fold, ...]:
    """The folds with more than one label value in both the training and the scored rows.

    A regression only needs scored rows.
    """
    return tuple(fold for fold in folds if _is_usable(spec, fold, rows))


def _is_usable(spec: ModelSpec, fold: Fold, rows: Rows) -> bool:
    train, scored = rows.label[fold.train_mask(rows)], rows.label[fold.score_mask(rows)]
    return len(np.unique(train)) >= 2 and len(np.unique(scored)) >= spec.task.min_scored_labels


def _within(rows: Rows, start: datetime, end: datetime) -> Mask:
    mask: Mask = (rows.day >= _days(start)) & (rows.day < _days(end))
    return mask


def _microseconds(time: datetime) -> int:
    return (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


def _days(midnight: datetime) -> int:
    return (midnight - datetime(1970, 1, 1)) // DAY
