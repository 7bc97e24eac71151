"""Probes for leakage and overfitting: the judging, on values and matrices that others provide.

Training on shuffled labels, and changing the future of a real training set, need a model and a
lake; they are done where those are.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Floats
from lakehouse.evaluation.document import Metrics, Probe
from lakehouse.evaluation.metrics import find_metric, metric_value
from lakehouse.evaluation.predictions import Predictions

TOO_GOOD_ALONE = 0.95
SPREADS = 4.0


def shuffled_label_probe(
    predictions: Predictions, metric: str, permutations: int = 100, seed: int = 0
) -> Probe:
    """Is a model that was trained on shuffled labels as bad as it must be?

    `predictions` are that model's, on rows whose truth was shuffled likewise. Nothing honest tells
    those labels, so the metric must be where it is when the truth is permuted once more: within
    four deviations of the mean of such permutations (Ojala & Garriga, "Permutation Tests for
    Studying Classifier Performance", JMLR 11, 2010). More means that rows judged were trained on,
    or that something was fitted on their labels. `value` and `bound` are in the metric's unit.
    """
    random = np.random.default_rng(seed)
    values = np.array(
        [
            metric_value(replace(predictions, truth=random.permutation(predictions.truth)), metric)
            for _ in range(permutations)
        ]
    )
    value = metric_value(predictions, metric)
    side = -1.0 if find_metric(metric).lower_is_better else 1.0
    bound = float(values.mean() + side * SPREADS * values.std(ddof=1))
    told = np.isfinite(value) and np.isfinite(bound)
    return Probe(
        name="shuffled_labels",
        value=value if told else None,
        bound=bound if told else 0.0,
        passed=bool(told and side * (value - bound) <= 0),
        explanation=f"{metric} of a model trained on shuffled labels; beyond the bound, the labels "
        "it is judged on have reached its training or its features",
    )


def lone_features(
    matrix: npt.NDArray[Any], truth: npt.NDArray[Any], classes: Sequence[Bools] | None
) -> Floats:
    """How well each column of `matrix` (rows, features) alone orders the truth: (features,).

    For `classes`, each a mask of its rows, the AUC in the better direction, of the class that it
    tells best from the rest (0.5 is nothing); without any, the truth being numbers, the size of
    Spearman's correlation (0 is nothing). 1 is everything.
    Missing values (NaN) are put at either end, and the better counts: trees may send them either
    way. Only monotone relations are seen, so not one with the codes of an unordered category.
    """
    columns = (matrix[:, place] for place in range(matrix.shape[1]))
    if classes is None:
        ranks = _ranks(truth)[0]
        return np.array([max(_correlation(each, ranks) for each in _ranks(x)) for x in columns])
    return np.array([_best_auc(column, classes) for column in columns])


def lone_feature_probe(
    names: Sequence[str],
    matrix: npt.NDArray[Any],
    truth: npt.NDArray[Any],
    classes: Sequence[Bools] | None,
    bound: float = TOO_GOOD_ALONE,
) -> Probe:
    """Is there a feature so good alone that it must know the label? Those beyond `bound` are named.

    `value` is that of the strongest feature (see `lone_features`).
    """
    strength = lone_features(matrix, truth, classes)
    order = np.argsort(-strength, kind="stable")
    best = float(strength[order[0]]) if len(order) else None
    suspects = [f"{names[i]} ({strength[i]:.3f})" for i in order if strength[i] > bound]
    what = "|Spearman|" if classes is None else "AUC"
    found = (
        f"too good alone: {', '.join(suspects)}" if suspects else f"no feature's is beyond {bound}"
    )
    return Probe(
        name="lone_feature",
        value=best,
        bound=bound,
        passed=not suspects,
        explanation=f"{what} of one feature alone; {found}",
    )


def overfitting_gap(train: Metrics, test: Metrics, only: Collection[str]) -> dict[str, float]:
    """By how much each metric is better on training rows than on test rows, in its own unit."""
    gaps = {}
    for name in only:
        seen, unseen = train.get(name), test.get(name)
        if seen is not None and unseen is not None:
            gaps[name] = unseen - seen if find_metric(name).lower_is_better else seen - unseen
    return gaps


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's correlation, -1 to 1, of values without missing ones; 0 if one does not vary."""
    (ranks,), (others,) = _ranks(one), _ranks(other)
    ranks, others = ranks - ranks.mean(), others - others.mean()
    scale = float(np.sqrt(np.sum(ranks**2) * np.sum(others**2)))
    return float(np.sum(ranks * others)) / scale if scale else 0.0


def _best_auc(column: npt.NDArray[Any], classes: Sequence[npt.NDArray[np.bool_]]) -> float:
    """From sorted values alone (no ranks of all rows): a sort is much cheaper than an argsort."""
    missing = np.isnan(column)
    known = np.sort(column[~missing])
    best = 0.5
    for positive in classes:
        mine = np.sort(column[positive & ~missing])
        p, n = len(mine), len(known) - len(mine)
        p_missing = int(positive.sum()) - p
        n_missing = int(missing.sum()) - p_missing
        pairs = (p + p_missing) * (n + n_missing)
        if not pairs:
            continue
        below = (
            np.searchsorted(known, mine, "left").sum() + np.searchsorted(known, mine, "right").sum()
        )
        won = float(below) / 2 - p * p / 2 + p_missing * n_missing / 2
        for wins in (won + p * n_missing, won + p_missing * n):  # missing lowest, missing highest
            best = max(best, wins / pairs, 1 - wins / pairs)
    return best


def _ranks(values: npt.NDArray[Any]) -> tuple[Floats, ...]:
    """Mid-ranks with missing values highest, and lowest too if there are any."""
    missing = int(np.isnan(values).sum())
    order = np.argsort(values)
    ordered = values[order]
    new = np.append(True, ordered[1:] != ordered[:-1])
    new[len(values) - missing + 1 :] = False  # NaN differs from NaN
    group = np.cumsum(new) - 1
    size = np.bincount(group)
    rank = np.empty(len(values))
    rank[order] = (np.cumsum(size) - (size - 1) / 2)[group]
    if not missing:
        return (rank,)
    lowest = rank + missing
    lowest[np.isnan(values)] = (missing + 1) / 2
    return rank, lowest


def _correlation(one: Floats, other: Floats) -> float:
    """Size of Pearson's correlation; 0 if one does not vary."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return abs(float(np.sum(one * other))) / scale if scale else 0.0
