"""Fitting a LightGBM model to a pinned training set: the same set and recipe give the same bytes.

Evaluation, registration and promotion come afterwards, in `train.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from lakehouse.training.errors import NotEnoughData, TrainingError
from lakehouse.training.library import import_lightgbm
from lakehouse.training.rows import Rows
from lakehouse.training.schema import FeatureSchema
from lakehouse.training.spec import ModelSpec, Task

_OBJECTIVES: dict[Task, dict[str, Any]] = {
    "binary": {"objective": "binary", "metric": "average_precision"},
    "regression": {"objective": "regression_l1", "metric": "l1"},
    "multiclass": {"objective": "multiclass", "metric": "multi_logloss"},
}


@dataclass(frozen=True)
class Fitted:
    """A booster at its best iteration, and the parameters that it was given."""

    booster: Any
    trees: bytes
    rounds: int
    params: dict[str, Any]


def lightgbm_params(spec: ModelSpec, classes: int, threads: int) -> dict[str, Any]:
    """All parameters of a fit; what makes it repeatable cannot be overridden."""
    several = {"num_class": classes} if spec.task == "multiclass" else {}
    return {
        **_OBJECTIVES[spec.task],
        **spec.params,
        **several,
        "seed": spec.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "verbosity": -1,
    }


def fit(
    spec: ModelSpec,
    schema: FeatureSchema,
    classes: tuple[str, ...],
    train: Rows,
    validation: Rows,
    threads: int,
) -> Fitted:
    """Fit; stop early on the validation rows if there are any and the spec says so.

    Raises:
        NotEnoughData: when the training rows hold a single label value.
        TrainingError: when LightGBM refuses a parameter.
    """
    lightgbm = import_lightgbm()

    if len(np.unique(train.label)) < 2:
        raise NotEnoughData(
            f"{spec.name}: all {len(train.label)} training rows have the same label, so there is "
            "nothing to learn; train on a longer period, or look at the labels"
        )
    params = lightgbm_params(spec, len(classes), threads)
    columns = schema.categorical_columns
    data = lightgbm.Dataset(train.matrix, train.label, params=params, categorical_feature=columns)
    valid_sets: list[Any] = []
    callbacks: list[Callable[..., Any]] = []
    if spec.early_stopping and len(validation.label):
        valid_sets.append(data.create_valid(validation.matrix, validation.label))
        callbacks.append(
            lightgbm.early_stopping(spec.early_stopping, first_metric_only=True, verbose=False)
        )
    try:
        booster = lightgbm.train(
            params, data, spec.rounds, valid_sets=valid_sets, callbacks=callbacks
        )
    except lightgbm.basic.LightGBMError as error:
        raise TrainingError(f"{spec.name}: LightGBM refused to train: {error}") from error
    rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
    trees = booster.model_to_string(num_iteration=rounds)
    return Fitted(lightgbm.Booster(model_str=trees), trees.encode(), rounds, params)


def library_versions() -> dict[str, str]:
    """Versions of what the bytes of a model depend on."""
    return {name: version(name) for name in ("lightgbm", "numpy", "duckdb", "pyarrow")}
