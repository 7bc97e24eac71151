"""Fit LightGBM: the same examples and parameters give the same bytes.

Callers choose the rows, columns and parameters.
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
from lakehouse.training.fitting.parallel import stop_if_cancelled


@dataclass(frozen=True)
class Examples:
    """Rows for LightGBM: the matrix of the trees' columns, the labels, and the row weights."""

    matrix: Matrix
    label: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Boosted:
    """A trained LightGBM booster; only its first `rounds` rounds are used.

    It predicts with `threads` threads; 0 means one per core.
    """

    booster: Any
    rounds: int
    threads: int = 0

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """The trees' raw predictions, neither corrected nor calibrated."""
        prediction = self.booster.predict(
            matrix, num_iteration=self.rounds, num_threads=self.threads
        )
        return np.asarray(prediction, dtype=np.float64)

    def trees(self) -> str:
        """LightGBM's text of the rounds in use."""
        text: str = self.booster.model_to_string(num_iteration=self.rounds)
        return text


def lightgbm_params(
    spec: ModelSpec, declared: Mapping[str, Any], classes: int, threads: int
) -> dict[str, Any]:
    """All parameters of a fit; those that make it repeatable cannot be overridden."""
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
    """A LightGBM dataset; `keep` allows further fits on it, also with other parameters."""
    return import_lightgbm().Dataset(
        examples.matrix,
        examples.label,
        weight=examples.weight,
        params=dict(params),
        categorical_feature=list(categorical),
        free_raw_data=not keep,
    )


def stopping(data: Any, matrix: Matrix, label: npt.NDArray[np.float64], odds: float) -> Any:
    """Rows for early stopping on `data`, with weights that make the loss proper for the trees.

    If weights or undersampling make the odds `odds` times too high, each negative has the weight 1
    / `odds`.
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
    """Train on a dataset; stop early on the dataset `stop` if it is given and the spec declares it.

    With `parent`, a booster, its trees come first and `rounds` are added.

    Raises:
        TrainingError: when LightGBM rejects a parameter.
    """
    lightgbm = import_lightgbm()
    valid_sets: list[Any] = []
    callbacks: list[Callable[..., Any]] = [stop_if_cancelled]
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
        raise TrainingError(f"{spec.name}: LightGBM cannot train: {error}") from error
    best = booster.best_iteration
    rounds = best if best > 0 else booster.current_iteration()
    return Boosted(booster, rounds, int(params.get("num_threads", 0)))


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a model's bytes depend on."""
    return {name: version(name) for name in ("lightgbm", "numpy", "duckdb", "pyarrow")}
