"""A local check of explanations, independent of trees: a linear model around one row.

Similar to LIME (Ribeiro, Singh & Guestrin, KDD 2016): features of the row are replaced by those of
other rows, the model scores the results, and a weighted ridge regression estimates the value of
keeping each feature. Its fidelity measures how well a linear model describes the model there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

_PENALTY = 1.0  # the mask is 0 or 1 and rows are many: only separates duplicate features


@dataclass(frozen=True)
class Surrogate:
    """The value of keeping each feature at the row's value, in the raw output's unit.

    `fidelity`: weighted R2 on perturbed rows that the linear model was not fitted to; ideally 1.
    """

    weights: Floats
    fidelity: float


@dataclass(frozen=True)
class Agreement:
    """How far TreeSHAP and the linear models agree, over `rows` explained rows.

    `fidelity` is the median of the linear models, `signs` the share of equal signs among each row's
    `top` largest contributions, `leaders` the share of rows whose largest contribution is among the
    linear model's `top`.
    """

    rows: int
    top: int
    fidelity: float
    signs: float
    leaders: float


def local_surrogate(
    predict: Callable[[Matrix], Any],
    row: Matrix,
    background: Matrix,
    *,
    draws: int = 250,
    fills: int = 24,
    seed: int = 0,
) -> Surrogate:
    """Fit a linear model around `row` (features,); `predict` gives raw outputs (rows,) of a matrix.

    Each draw keeps each feature with probability 1/2. Its output is the mean over `fills`, in which
    the other features take quantiles of `background`, each feature independently. All draws share
    the same fills; otherwise their noise would look like nonlinearity. Draws that keep more
    features have a larger weight.
    """
    random = np.random.default_rng(seed)
    features = len(row)
    kept = random.random((draws, features)) < 0.5
    places = ((np.arange(fills) + 0.5) / fills * len(background)).astype(int)
    others = random.permuted(np.sort(background, axis=0)[places], axis=0)
    matrix = np.where(kept[:, None, :], row, others).astype(np.float32).reshape(-1, features)
    outputs = np.asarray(predict(matrix), dtype=np.float64).reshape(draws, fills).mean(axis=1)
    weight = np.exp(-(((1 - kept.mean(axis=1)) / 0.5) ** 2))
    fitted = np.arange(draws) < draws * 0.7
    design = np.column_stack([np.ones(draws), kept])
    weighted = design[fitted] * weight[fitted, None]
    penalty = _PENALTY * np.eye(features + 1)
    penalty[0, 0] = 0.0
    coefficients = np.linalg.solve(
        weighted.T @ design[fitted] + penalty, weighted.T @ outputs[fitted]
    )
    held_out = ~fitted
    residual = float(
        np.sum(weight[held_out] * (outputs[held_out] - design[held_out] @ coefficients) ** 2)
    )
    middle = np.average(outputs[held_out], weights=weight[held_out])
    total = float(np.sum(weight[held_out] * (outputs[held_out] - middle) ** 2))
    return Surrogate(coefficients[1:], 1 - residual / total if total else 1.0)


def agreement(
    contributions: Floats, surrogates: Sequence[Surrogate], top: int = 3
) -> Agreement | None:
    """Compare contributions (rows, features) with linear models of the rows; None without rows."""
    if not surrogates:
        return None
    signs, leaders = [], []
    for own, surrogate in zip(contributions, surrogates, strict=True):
        largest = np.argsort(-np.abs(own), kind="stable")[:top]
        signs.append(np.mean(np.sign(own[largest]) == np.sign(surrogate.weights[largest])))
        leaders.append(largest[0] in np.argsort(-np.abs(surrogate.weights), kind="stable")[:top])
    return Agreement(
        rows=len(surrogates),
        top=top,
        fidelity=float(np.median([surrogate.fidelity for surrogate in surrogates])),
        signs=float(np.mean(signs)),
        leaders=float(np.mean(leaders)),
    )
