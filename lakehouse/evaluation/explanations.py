"""Explanations of predictions: importance, TreeSHAP, reasons for alerts, and their cost.

Everything applies to a LightGBM booster and its input matrix, in units of its raw output (log odds,
or the label's unit); calibration of it affects all contributions alike. The independent check is in
`surrogate.py`, plots are in `plots/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.errors import LakehouseError

Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

AFFORDABLE_MS = 2.5
"""Maximum cost of the reasons for one alert when served, in milliseconds of one core."""

_NS_PER_STEP = 5.5  # of one core, measured: 4.8 to 6 from 100 trees of 15 leaves to 500 of 63
_BATCH = 256


class CostlyReasons(LakehouseError):
    """A booster whose explanations would take longer than a response may."""


@dataclass(frozen=True)
class Reason:
    """One feature that raised an alert's score: its value (None: missing; for a category, its
    position in the model's dictionary), and by how much it raised the raw output.
    """

    feature: str
    value: float | None
    contribution: float


@dataclass(frozen=True)
class ShapSummary:
    """Contributions on a sample: `contributions` is (outputs, rows, features), `values` the matrix
    (rows, features), `mean_absolute` (outputs, features). `outputs` names classes, or is one "".
    """

    names: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    values: Matrix
    contributions: Floats

    @property
    def rows(self) -> int:
        """Rows in the sample."""
        return len(self.values)

    @property
    def mean_absolute(self) -> Floats:
        """Mean size of a feature's contribution, by output and feature."""
        means: Floats = np.abs(self.contributions).mean(axis=1)
        return means

    def ranking(self) -> list[int]:
        """Positions of the features, the largest mean contribution (over outputs) first."""
        return [int(i) for i in np.argsort(-self.mean_absolute.sum(axis=0), kind="stable")]


@dataclass(frozen=True)
class ExplanationCost:
    """The cost of TreeSHAP, which takes leaves x depth squared steps (Lundberg et al., "From local
    explanations to global understanding with explainable AI for trees", 2020).

    `leaves` and `depth` are the largest tree's; `steps` is the sum over all leaves of all trees of
    the leaf's own depth squared.
    """

    trees: int
    leaves: int
    depth: int
    steps: int

    @property
    def milliseconds(self) -> float:
        """Approximate time for one row on one core."""
        return self.steps * _NS_PER_STEP / 1e6

    @property
    def is_affordable(self) -> bool:
        """Whether reasons can be served with each alert."""
        return self.milliseconds <= AFFORDABLE_MS


def gain_importance(booster: Any, names: Sequence[str]) -> dict[str, float]:
    """Total gain of the splits on each feature."""
    gains = booster.feature_importance(importance_type="gain").tolist()
    return dict(zip(names, gains, strict=True))


def contributions(booster: Any, matrix: Matrix) -> Floats:
    """TreeSHAP as (outputs, rows, features + 1); the last column is the mean raw output.

    Along the last axis they add up to the raw output of the row.
    """
    shape = len(matrix), booster.num_model_per_iteration(), booster.num_feature() + 1
    if not len(matrix):
        return np.empty((shape[1], 0, shape[2]))
    found = np.asarray(booster.predict(matrix, pred_contrib=True), dtype=np.float64)
    return np.ascontiguousarray(found.reshape(shape).transpose(1, 0, 2))


def reasons(booster: Any, matrix: Matrix, names: Sequence[str], top: int = 3) -> list[list[Reason]]:
    """For each row, the features that raised its output most; use it for alerts only.

    Returns at most `top` features with a positive contribution, the largest first. For several
    classes, those of the likeliest class. See `explanation_cost` for the cost per row.

    Raises:
        ValueError: when `names` does not match the matrix's columns.
    """
    if matrix.shape[1] != len(names):
        raise ValueError(
            f"{len(names)} names for {matrix.shape[1]} columns; pass one name for each"
        )
    result: list[list[Reason]] = []
    for start in range(0, len(matrix), _BATCH):
        rows = matrix[start : start + _BATCH]
        shap = contributions(booster, rows)
        likeliest = shap.sum(axis=2).argmax(axis=0)
        for i, row in enumerate(rows):
            own = shap[likeliest[i], i, :-1]
            first = [int(j) for j in np.argsort(-own, kind="stable")[:top] if own[j] > 0]
            result.append([Reason(names[j], _none_if_nan(row[j]), float(own[j])) for j in first])
    return result


def shap_summary(
    booster: Any,
    matrix: Matrix,
    names: Sequence[str],
    *,
    outputs: Sequence[str] = ("",),
    unit: str = "Contribution to the raw output (log odds)",
    rows: int = 1_000,
    seed: int = 0,
) -> ShapSummary:
    """TreeSHAP on `rows` rows drawn at random (all, if there are fewer)."""
    if len(matrix) > rows:
        chosen = np.random.default_rng(seed).choice(len(matrix), rows, replace=False)
        matrix = matrix[np.sort(chosen)]
    found = contributions(booster, matrix)[:, :, :-1]
    return ShapSummary(tuple(names), tuple(outputs), unit, matrix, found)


def explanation_cost(booster: Any) -> ExplanationCost:
    """The cost of explaining one row with this booster, from the shape of its trees."""
    shapes = [_leaf_depths(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    return ExplanationCost(
        trees=len(shapes),
        leaves=max((len(depths) for depths in shapes), default=0),
        depth=max((max(depths) for depths in shapes), default=0),
        steps=sum(depth**2 for depths in shapes for depth in depths),
    )


def require_affordable(cost: ExplanationCost, model: str) -> None:
    """Raise `CostlyReasons` when a model's reasons cannot be served with each alert."""
    if not cost.is_affordable:
        raise CostlyReasons(
            f"{model}: reasons for one alert would take about {cost.milliseconds:.1f} ms, but at "
            f"most {AFFORDABLE_MS:g} ms are allowed ({cost.trees} trees, up to {cost.leaves} "
            f"leaves and {cost.depth} deep); set `max_depth` to 6 or less in `params`, or fewer "
            "`rounds`"
        )


def _leaf_depths(root: Mapping[str, Any]) -> list[int]:
    """The depth of each leaf of a tree in LightGBM's dump; iterative, because trees may be deep."""
    depths, stack = [], [(root, 0)]
    while stack:
        node, depth = stack.pop()
        if "left_child" in node:
            stack += [(node["left_child"], depth + 1), (node["right_child"], depth + 1)]
        else:
            depths.append(depth)
    return depths


def _none_if_nan(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
