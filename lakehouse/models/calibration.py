"""From a score to a probability: fitted on out-of-fold scores, stored as JSON in the card.

Every kind keeps the order of scores, so calibration changes no alert at capacity. The model
corrects for weights and undersampling before calibration; `evaluation` measures how well calibrated
a model is.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lakehouse.evaluation.arrays import Bools, Floats, Ints
from lakehouse.models import spec

MIN_CLASS_ROWS = 10
"""The minimum number of rows of each class for a fit (for a temperature: rows in all)."""

_EDGE = 1e-15
_SCORE_SHARE = 0.01
_MAX_STEPS = 100
_BISECTIONS = 40


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sigmoid(_State):
    """sigmoid(slope * logit(score) + intercept), with a slope above 0."""

    kind: Literal["sigmoid"] = "sigmoid"
    slope: float
    intercept: float


class Temperature(_State):
    """Class probabilities to the power of `sharpness` (above 0), summing to one again."""

    kind: Literal["temperature"] = "temperature"
    sharpness: float


class Isotonic(_State):
    """The curve through these points for each class (in a binary model, the positive class)."""

    kind: Literal["isotonic"] = "isotonic"
    curves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]


Calibrator = Annotated[Sigmoid | Temperature | Isotonic, Field(discriminator="kind")]


def fit_calibration(kind: spec.Calibration, score: Floats, label: Floats) -> Calibrator | None:
    """A calibrator from scores and labels (rows,), or probabilities (rows, classes) and positions.

    None if none was requested, or if the rows are not sufficient: too few of a class, or labels
    that do not rise with the score.
    """
    if kind == "none" or not len(score):
        return None
    if score.ndim == 2:
        position = label.astype(np.int64)
        if kind == "sigmoid":
            return _fit_temperature(score, position) if len(position) >= MIN_CLASS_ROWS else None
        one_against_rest = [position == i for i in range(score.shape[1])]
    else:
        one_against_rest = [label > 0]
    if any(min(truth.sum(), (~truth).sum()) < MIN_CLASS_ROWS for truth in one_against_rest):
        return None
    if kind == "sigmoid":
        return _fit_sigmoid(score, one_against_rest[0])
    columns = np.atleast_2d(score.T)  # (outputs, rows), without rows too
    return Isotonic(
        curves=tuple(
            _pool_adjacent_violators(column, truth)
            for column, truth in zip(columns, one_against_rest, strict=True)
        )
    )


def apply(calibrator: Calibrator | None, score: Floats) -> Floats:
    """Probabilities in the shape of `score`, never NaN for any in [0, 1]; None changes nothing."""
    if calibrator is None:
        return score
    if isinstance(calibrator, Sigmoid):
        return _expit(calibrator.slope * _logit(score) + calibrator.intercept)
    if isinstance(calibrator, Temperature):
        return _softmax(calibrator.sharpness * _log(score))
    columns = np.atleast_2d(score.T)  # (outputs, rows), without rows too
    curved = np.column_stack(
        [
            _interpolate(curve, column)
            for curve, column in zip(calibrator.curves, columns, strict=True)
        ]
    )
    if score.ndim == 1:
        return curved[:, 0]
    total: Floats = curved / curved.sum(axis=1, keepdims=True)
    return total


def _fit_sigmoid(score: Floats, truth: Bools) -> Sigmoid | None:
    """Platt, "Probabilistic outputs for support vector machines", 1999, on the score's logit.

    The targets are not 0 and 1 but what they would be with one more row of each class. Newton's
    method with step halving, as recommended by Lin, Lin & Weng (2007).
    """
    x = _logit(score)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(at: Floats) -> float:
        z = at[0] * x + at[1]
        return float(np.sum(np.logaddexp(0, z) - target * z))

    at = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    now = loss(at)
    for _ in range(_MAX_STEPS):
        p = _expit(at[0] * x + at[1])
        # sums instead of matrix products, whose last bits depend on the number of threads
        gradient = np.array([np.sum((p - target) * x), np.sum(p - target)])
        w = p * (1 - p)
        across = np.sum(w * x)
        hessian = np.array([[np.sum(w * x * x), across], [across, np.sum(w)]]) + 1e-9 * np.eye(2)
        step, size = np.linalg.solve(hessian, gradient), 1.0
        while size > 1e-10 and loss(at - size * step) > now:
            size /= 2
        at = at - size * step
        before, now = now, loss(at)
        if before - now <= 1e-12 * abs(before):
            break
    return Sigmoid(slope=float(at[0]), intercept=float(at[1])) if at[0] > 0 else None


def _fit_temperature(probability: Floats, position: Ints) -> Temperature | None:
    """Guo et al., "On calibration of modern neural networks", 2017: one number for all classes.

    One-vs-rest would need two numbers per class, and could change the likeliest class. The log loss
    is convex in the sharpness, so bisection finds the root of its slope.
    """
    logs = _log(probability)
    true_logs = logs[np.arange(len(position)), position]

    def slope(sharpness: float) -> float:
        return float(np.sum(np.sum(_softmax(sharpness * logs) * logs, axis=1) - true_logs))

    low, high = 1e-3, 1e3
    if slope(low) >= 0:
        return None
    for _ in range(_BISECTIONS):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return Temperature(sharpness=low)


def _pool_adjacent_violators(
    score: Floats, truth: Bools
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Pool adjacent violators: the mean score and the share of positives of each block."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    hits = np.bincount(inverse, weights=truth)
    sums = np.bincount(inverse, weights=score)
    blocks: list[tuple[float, float, float]] = []  # rows, positives, sum of scores
    for block in zip(counts.tolist(), hits.tolist(), sums.tolist(), strict=True):
        rows, positives, total = block
        while blocks and blocks[-1][1] * rows >= positives * blocks[-1][0]:
            before = blocks.pop()
            rows, positives, total = rows + before[0], positives + before[1], total + before[2]
        blocks.append((rows, positives, total))
    return tuple(b[2] / b[0] for b in blocks), tuple(b[1] / b[0] for b in blocks)


def _interpolate(curve: tuple[tuple[float, ...], tuple[float, ...]], score: Floats) -> Floats:
    """Straight lines between the blocks' centres, mixed with a hundredth of the score itself.

    A step function would tie all scores of a block, and the order matters most in the highest
    block, which holds the alerts. Lines leave ties only outside the outermost centres, and the
    hundredth of the score resolves those. It also keeps every probability away from 0 and 1,
    whatever the sample.
    """
    centres, shares = curve
    return (1 - _SCORE_SHARE) * np.interp(score, centres, shares) + _SCORE_SHARE * score


def _log(probability: Floats) -> Floats:
    return np.log(np.clip(probability.astype(np.float64), _EDGE, 1.0))


def _logit(probability: Floats) -> Floats:
    p = np.clip(probability.astype(np.float64), _EDGE, 1 - _EDGE)
    return np.log(p) - np.log1p(-p)


def _expit(z: Floats) -> Floats:
    return np.exp(-np.logaddexp(0, -z))


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    result: Floats = e / e.sum(axis=1, keepdims=True)
    return result
