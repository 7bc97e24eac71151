"""Fitting LightGBM: the same examples and parameters give the same bytes.

Which rows, columns and parameters those are, is decided elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.models.errors import TrainingError
from lakehouse.models.library import import_lightgbm
from lakehouse.models.schema import Matrix
from lakehouse.models.spec import ModelSpec


@dataclass(frozen=True)
class Examples:
    """Rows for LightGBM: what the trees see, the label, and how much each row counts."""

    matrix: Matrix
    label: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Boosted:
    """A trained LightGBM booster, of which the first `rounds` rounds are to be used."""

    booster: Any
    rounds: int

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """What the trees say, as trained: neither corrected nor calibrated."""
        prediction = self.booster.predict(matrix, num_iteration=self.rounds)
        return np.asarray(prediction, dtype=np.float64)

    def trees(self) -> str:
        """LightGBM's text of the rounds that are to be used."""
        text: str = self.booster.model_to_string(num_iteration=self.rounds)
        return text


def lightgbm_params(
    spec: ModelSpec, declared: Mapping[str, Any], classes: int, threads: int
) -> dict[str, Any]:
    """All parameters of a fit; what makes it repeatable cannot be overridden."""
    return {
        **spec.task.params(classes),
        **declared,
        "seed": spec.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "verbosity": -1,
    }


def dataset(
    examples: Examples, categorical: Sequence[int], params: Mapping[str, Any], *, keep: bool = False
) -> Any:
    """A LightGBM dataset; with `keep` it may be used again, with other parameters too."""
    return import_lightgbm().Dataset(
        examples.matrix,
        examples.label,
        weight=examples.weight,
        params=dict(params),
        categorical_feature=list(categorical),
        free_raw_data=not keep,
    )


def stopping(data: Any, matrix: Matrix, label: npt.NDArray[np.float64], odds: float) -> Any:
    """Rows that end training on `data`, by a loss that is proper for what the trees predict.

    Odds that weights or undersampling made `odds` times too high are right where a negative counts
    1 / `odds`.
    """
    weight = None if odds == 1 else np.where(label > 0, 1.0, 1 / odds)
    return data.create_valid(matrix, label, weight=weight)


def boost(
    spec: ModelSpec,
    params: Mapping[str, Any],
    data: Any,
    rounds: int,
    stop: Any = None,
    parent: Any = None,
) -> Boosted:
    """Train on a dataset; stop early on the dataset `stop`, if the spec says so and there is one.

    With `parent`, a booster, its trees come first and `rounds` are added.

    Raises:
        TrainingError: when LightGBM refuses a parameter.
    """
    lightgbm = import_lightgbm()
    valid_sets: list[Any] = []
    callbacks: list[Callable[..., Any]] = []
    if spec.early_stopping and stop is not None:
        valid_sets.append(stop)
        callbacks.append(
            lightgbm.early_stopping(spec.early_stopping, first_metric_only=True, verbose=False)
        )
    try:
        booster = lightgbm.train(
            dict(params),
            data,
            rounds,
            valid_sets=valid_sets,
            init_model=parent,
            callbacks=callbacks,
        )
    except lightgbm.basic.LightGBMError as error:
        raise TrainingError(f"{spec.name}: LightGBM refused to train: {error}") from error
    best = booster.best_iteration
    return Boosted(booster, best if best > 0 else booster.current_iteration())


def library_versions() -> dict[str, str]:
    """Versions of what the bytes of a model depend on."""
    return {name: version(name) for name in ("lightgbm", "numpy", "duckdb", "pyarrow")}
