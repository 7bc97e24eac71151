"""Probes for leakage and overfitting, computed on values and matrices that callers provide.

Training on shuffled labels, and changing the future of a real training set, need a model and a
lake; the packages that have those do it.
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

MAX_LONE_STRENGTH = 0.95
MAX_DEVIATIONS = 4.0


def shuffled_label_probe(
    predictions: Predictions, metric: str, permutations: int = 100, seed: int = 0
) -> Probe:
    """Check that a model trained on shuffled labels performs no better than chance.

    `predictions` are that model's, on rows whose truth was shuffled in the same way. Nothing
    legitimate predicts those labels, so the metric must not be better than its mean over
    permutations of the truth by more than four deviations (Ojala & Garriga, "Permutation Tests for
    Studying Classifier Performance", JMLR 11, 2010). A better value means that evaluation rows were
    trained on, or that something was fitted on their labels. `value` and `bound` are in the
    metric's unit.
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
    bound = float(values.mean() + side * MAX_DEVIATIONS * values.std(ddof=1))
    is_determined = np.isfinite(value) and np.isfinite(bound)
    return Probe(
        name="shuffled_labels",
        value=value if is_determined else None,
        bound=bound if is_determined else 0.0,
        passed=bool(is_determined and side * (value - bound) <= 0),
        explanation=f"{metric} of a model trained on shuffled labels; a value beyond the bound "
        "means that evaluation labels have leaked into training or features",
    )


def lone_feature_strengths(
    matrix: npt.NDArray[Any], truth: npt.NDArray[Any], classes: Sequence[Bools] | None
) -> Floats:
    """How well each column of `matrix` (rows, features) alone orders the truth: (features,).

    With `classes`, each a mask of its rows: the AUC in the better direction, of the class that the
    column separates best from the rest (0.5 is no relation). Without, for a numeric truth: the size
    of Spearman's correlation (0 is no relation). 1 is a perfect relation. Missing values (NaN) are
    put at either end, and the better result counts: trees may send them either way. Only monotone
    relations are detected, so not a relation with the codes of an unordered category.
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
    bound: float = MAX_LONE_STRENGTH,
) -> Probe:
    """Check for a feature that is so predictive alone that it probably leaks the label.

    `value` is the value of the strongest feature (see `lone_feature_strengths`); the probe names
    all features above `bound`.
    """
    strength = lone_feature_strengths(matrix, truth, classes)
    order = np.argsort(-strength, kind="stable")
    best = float(strength[order[0]]) if len(order) else None
    suspects = [f"{names[i]} ({strength[i]:.3f})" for i in order if strength[i] > bound]
    statistic = "|Spearman|" if classes is None else "AUC"
    found = (
        f"suspiciously high: {', '.join(suspects)}" if suspects else f"no feature is above {bound}"
    )
    return Probe(
        name="lone_feature",
        value=best,
        bound=bound,
        passed=not suspects,
        explanation=f"{statistic} of one feature alone; {found}",
    )


def overfitting_gap(train: Metrics, test: Metrics, only: Collection[str]) -> dict[str, float]:
    """How much better each metric is on training rows than on test rows, in its own unit."""
    gaps = {}
    for name in only:
        seen, unseen = train.get(name), test.get(name)
        if seen is not None and unseen is not None:
            gaps[name] = unseen - seen if find_metric(name).lower_is_better else seen - unseen
    return gaps


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's correlation, -1 to 1, of values without NaN; 0 if one array is constant."""
    (ranks,), (others,) = _ranks(one), _ranks(other)
    ranks, others = ranks - ranks.mean(), others - others.mean()
    scale = float(np.sqrt(np.sum(ranks**2) * np.sum(others**2)))
    return float(np.sum(ranks * others)) / scale if scale else 0.0


def _best_auc(column: npt.NDArray[Any], classes: Sequence[npt.NDArray[np.bool_]]) -> float:
    """Uses sorted values only, no ranks of all rows: a sort is much cheaper than an argsort."""
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
        for wins in (won + p * n_missing, won + p_missing * n):  # missing lowest, then highest
            best = max(best, wins / pairs, 1 - wins / pairs)
    return best


def _ranks(values: npt.NDArray[Any]) -> tuple[Floats, ...]:
    """Mid-ranks with missing values highest, and also lowest if there are any."""
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
    """Size of Pearson's correlation; 0 if one array is constant."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(np.sum(one**2) * np.sum(other**2)))
    return abs(float(np.sum(one * other))) / scale if scale else 0.0
