"""Feature selection by group within the folds, with the recorded figures.

It uses only fold rows of the training period, so validation and test rows have no influence.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import find_metric
from lakehouse.models.model import GroupFigure
from lakehouse.models.spec import FeatureSelection, ModelSpec
from lakehouse.training.fitting.boosting import Boosted, Examples
from lakehouse.training.fitting.fold_examples import FoldData

Params = Mapping[str, Any]
Evaluate = Callable[[FoldData, npt.NDArray[np.float64]], float]
Groups = dict[str, tuple[str, ...]]


def select(
    spec: ModelSpec, folds: Sequence[FoldData], params: Params, evaluate: Evaluate
) -> tuple[GroupFigure, ...]:
    """A figure and a verdict for every group; `evaluate` returns a prediction's primary metric.

    If no group passes, all are kept, and the reasons record it.
    """
    assert spec.selection is not None
    groups = group_columns(spec.selection, folds[0].columns.used)
    if spec.selection.method == "permutation":
        figures = _permutation(spec, spec.selection, folds, params, evaluate, groups)
    else:
        figures = _null_importance(spec, spec.selection, folds, params, groups)
    if any(figure.kept for figure in figures):
        return figures
    reason = "kept, because no group passes"
    return tuple(f.model_copy(update={"kept": True, "reason": reason}) for f in figures)


def group_columns(selection: FeatureSelection, columns: Sequence[str]) -> Groups:
    """Columns by group: the first declared group that matches, else a group of their own."""
    groups: Groups = {}
    for column in columns:
        names = (
            name
            for name, patterns in selection.groups.items()
            if any(fnmatchcase(column, pattern) for pattern in patterns)
        )
        name = next(names, column)
        groups[name] = (*groups.get(name, ()), column)
    return groups


def _permutation(
    spec: ModelSpec,
    selection: FeatureSelection,
    folds: Sequence[FoldData],
    params: Params,
    evaluate: Evaluate,
    groups: Groups,
) -> tuple[GroupFigure, ...]:
    """Breiman, "Random forests", 2001: the loss of metric when a group's values are shuffled.

    All columns of a group are shuffled together in the scored rows. A group is kept if the loss
    exceeds twice its standard error over folds and shuffles; one useless group in forty passes by
    chance.
    """
    sign = -1.0 if find_metric(spec.primary_metric).lower_is_better else 1.0
    losses: dict[str, list[float]] = {name: [] for name in groups}
    for number, fold in enumerate(folds):
        boosted = fold.fit(params, spec.rounds, stop=True)
        unshuffled = evaluate(fold, fold.predict(boosted))
        for name, members in groups.items():
            positions = [fold.columns.used.index(member) for member in members]
            for shuffled in _shuffles(spec, selection, fold, positions, number):
                value = evaluate(fold, fold.predict(boosted, shuffled))
                losses[name].append(sign * (unshuffled - value))
    return tuple(
        _verdict(
            name,
            members,
            float(np.mean(losses[name])),
            2 * float(np.std(losses[name], ddof=1)) / len(losses[name]) ** 0.5,
            f"loss of {spec.primary_metric} if shuffled",
            "twice the standard error",
        )
        for name, members in groups.items()
    )


def _shuffles(
    spec: ModelSpec,
    selection: FeatureSelection,
    fold: FoldData,
    positions: Sequence[int],
    number: int,
) -> Iterator[npt.NDArray[np.float32]]:
    for repeat in range(selection.repeats):
        random = np.random.default_rng([spec.seed, number, repeat])
        shuffled = fold.tree_matrix.copy()
        shuffled[:, positions] = fold.tree_matrix[random.permutation(len(fold.tree_matrix))][
            :, positions
        ]
        yield shuffled


def _null_importance(
    spec: ModelSpec,
    selection: FeatureSelection,
    folds: Sequence[FoldData],
    params: Params,
    groups: Groups,
) -> tuple[GroupFigure, ...]:
    """Altmann et al., "Permutation importance", 2010: gain against gain under shuffled labels.

    The null models have as many rounds as the real one; weights are shuffled with their labels.
    """
    real: dict[str, list[float]] = {name: [] for name in groups}
    null: dict[str, list[float]] = {name: [] for name in groups}
    for number, fold in enumerate(folds):
        boosted = fold.fit(params, spec.rounds, stop=True)
        _add_gains(real, groups, fold, boosted)
        for repeat in range(selection.repeats):
            random = np.random.default_rng([spec.seed, number, repeat])
            order = random.permutation(len(fold.train.label))
            weight = fold.train.weight
            train = Examples(
                fold.train.matrix,
                fold.train.label[order],
                None if weight is None else weight[order],
            )
            shuffled = FoldData(spec, fold.columns, train, fold.odds, fold.scored)
            _add_gains(null, groups, shuffled, shuffled.fit(params, boosted.rounds, stop=False))
    return tuple(
        _verdict(
            name,
            members,
            float(np.mean(real[name])),
            float(np.quantile(null[name], selection.quantile)),
            "gain per round",
            f"quantile {selection.quantile:g} under shuffled labels",
        )
        for name, members in groups.items()
    )


def _add_gains(
    gains: dict[str, list[float]], groups: Groups, fold: FoldData, boosted: Boosted
) -> None:
    found = boosted.booster.feature_importance(importance_type="gain", iteration=boosted.rounds)
    by_name = dict(zip(fold.columns.used, found.tolist(), strict=True))
    for name, members in groups.items():
        gains[name].append(sum(by_name[member] for member in members) / boosted.rounds)


def _verdict(
    name: str, members: tuple[str, ...], figure: float, bound: float, measure: str, bound_name: str
) -> GroupFigure:
    kept = figure > bound
    verdict, relation = ("kept", "above") if kept else ("left out", "not above")
    reason = f"{verdict}: {measure} {figure:.4g}, {relation} {bound:.4g} ({bound_name})"
    return GroupFigure(
        group=name, features=members, kept=kept, figure=figure, bound=bound, reason=reason
    )
