"""A guard against collapse: a model that is hardly better than chance never becomes a version.

Gates define how good a model must be to decide. This guard detects that training itself failed,
before anyone searches for the fault in the data.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import metric_value
from lakehouse.evaluation.predictions import Binary
from lakehouse.models.errors import TrainingError
from lakehouse.models.spec import ModelSpec
from lakehouse.models.spec.judging import NEAR_CHANCE
from lakehouse.models.tasks.task import Losses
from lakehouse.training.sets.rows import Rows

Floats = npt.NDArray[np.float64]

MIN_GAIN = 0.005
"""Share of the trivial prediction's loss that a forecast or a classifier must save."""

_STANDARD_ERRORS = 2.0
_MIN_POSITIVES, _MIN_ROWS, _MIN_DAYS = 10, 200, 5


class Collapsed(TrainingError):
    """The trained model is hardly better than chance."""


def refuse_collapse(
    spec: ModelSpec, rows: Rows, prediction: Floats, train_label: Floats, period: str
) -> None:
    """Raise `Collapsed` if the prediction is significantly worse than the required minimum.

    Significantly: it stays below the bound even with two standard errors added, so few rows never
    fail. For a binary model the bound is an AUC, which does not depend on the base rate (average
    precision at a base rate of a half is high for any model) and is low by default, as some
    problems are hard; its standard error is the one under pure chance (Mann & Whitney, 1947). For
    other tasks it is the loss saved against a constant prediction from the training labels
    `train_label`: their median and mean (a regression must fail against both), or the class shares.
    Its standard error is computed between days, because rows of one day resemble each other.
    """
    losses = spec.task.losses(rows.label, prediction, train_label)
    if not losses:
        _check_auc(spec, rows.label > 0, prediction, period)
    elif len(rows) >= _MIN_ROWS and len(np.unique(rows.day)) >= _MIN_DAYS:
        _check_losses(spec, rows, losses, period)


def _check_auc(spec: ModelSpec, truth: npt.NDArray[np.bool_], score: Floats, period: str) -> None:
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if min(positives, negatives) < _MIN_POSITIVES:
        return
    auc = metric_value(Binary(truth, score), "auc_roc")
    error = ((len(truth) + 1) / (12 * positives * negatives)) ** 0.5
    bound = spec.judging.near_chance or NEAR_CHANCE
    if auc + _STANDARD_ERRORS * error < bound:
        raise _collapse_error(
            spec,
            f"auc_roc {auc:.3f} on {period} rows ({positives} positives), where guessing reaches "
            f"0.5 and anything significantly below {bound:g} counts as guessing "
            "(`judging.near_chance`)",
        )


def _check_losses(spec: ModelSpec, rows: Rows, losses: Sequence[Losses], period: str) -> None:
    found = []
    for each in losses:
        saved, error = _saved_share(rows.day, each.ours, each.constant)
        if saved + _STANDARD_ERRORS * error >= MIN_GAIN:
            return
        found.append(
            f"{each.name} {each.ours.mean():.4g} on {period} rows, where a constant reaches "
            f"{each.constant.mean():.4g}"
        )
    raise _collapse_error(spec, "; ".join(found))


def _saved_share(day: npt.NDArray[np.int64], ours: Floats, trivial: Floats) -> tuple[float, float]:
    """The saved share of the trivial loss, and its standard error between days."""
    _, day_index = np.unique(day, return_inverse=True)
    total = np.bincount(day_index, weights=trivial)
    if not total.sum():
        return 0.0, 0.0
    difference = total - np.bincount(day_index, weights=ours)
    saved = difference.sum() / total.sum()
    days = len(total)
    spread = np.square(difference - saved * total).sum() * days / (days - 1)
    return float(saved), float(np.sqrt(spread) / total.sum())


def _collapse_error(spec: ModelSpec, found: str) -> Collapsed:
    return Collapsed(
        f"{spec.name} is hardly better than chance: {found}. Likely causes: `learning_rate` "
        f"{spec.params.get('learning_rate', 0.1)} is too high (try a third of it), "
        "`min_data_in_leaf` is too low for rare positives or too high for few rows, or labels or "
        "features are missing. No version was registered; the champion stays"
    )
