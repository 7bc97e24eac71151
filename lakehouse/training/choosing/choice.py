"""Choice of features and parameters before the model is fitted, both on walk-forward folds.

A choice is a recorded input: made once, kept in the card, and used again to reproduce a version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lakehouse.lake import Lake
from lakehouse.models.model import GroupFigure, ModelCard, Study
from lakehouse.models.spec import ModelSpec
from lakehouse.training.choosing.selection import select
from lakehouse.training.choosing.tuning import fold_value, search, study_id
from lakehouse.training.fitting.boosting import lightgbm_params
from lakehouse.training.fitting.fold_examples import FoldData, fold_data
from lakehouse.training.identity import code_hash
from lakehouse.training.sets.training_data import TrainingData

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """Parameters for LightGBM, and the names of the columns that the trees use (None: all)."""

    params: Mapping[str, Any]
    kept: tuple[str, ...] | None = None
    selection: tuple[GroupFigure, ...] = ()
    study: Study | None = None

    @classmethod
    def of(cls, card: ModelCard) -> "Choice":
        """The recorded choice of a version."""
        return cls(card.params, card.inputs, card.selection, card.study)


def choose(
    spec: ModelSpec,
    lake: Lake,
    data: TrainingData,
    *,
    run_id: str = "",
    on_progress: OnProgress = lambda text: None,
) -> Choice:
    """Select features with the declared parameters, then search parameters with those features.

    Without folds, or with neither search nor selection declared, returns the declared parameters.

    Raises:
        TrainingError: when LightGBM rejects the declared parameters.
    """
    if not data.folds or (spec.search is None and spec.selection is None):
        return Choice(spec.params)
    threads, classes = lake.settings.cores, data.classes
    share = spec.search.sample if spec.search else 1.0
    prepare = partial(fold_data, spec, data.schema, data.train, share=share)
    folds = data.folds[-spec.folds.search :]
    prepared = [prepare(fold) for fold in folds]
    kept: tuple[str, ...] | None = None
    selection: tuple[GroupFigure, ...] = ()
    if spec.selection is not None:
        params = lightgbm_params(spec, spec.params, len(classes), threads)

        def evaluate(fold: FoldData, prediction: Any) -> float:
            return fold_value(spec, fold.scored, prediction, classes, spec.primary_metric)

        selection = select(spec, prepared, params, evaluate)
        kept_names = {name for group in selection if group.kept for name in group.features}
        kept = tuple(name for name in prepared[0].columns.used if name in kept_names)
        on_progress(f"{spec.name}: {len(kept)} of {len(prepared[0].columns.used)} columns selected")
        if len(kept) < len(prepared[0].columns.used):
            prepared = [prepare(fold, kept) for fold in folds]
    study = None
    if spec.search is not None:
        name = study_id(spec, data.pinned.hash, code_hash(), prepared[0].columns.used)
        study = search(
            spec, lake, prepared, classes, threads, name, run_id=run_id, on_progress=on_progress
        )
    searched = study.params if study else {}
    return Choice({**spec.params, **searched}, kept, selection, study)
