"""Out-of-fold predictions of the chosen configuration.

Calibration is fitted on these rows. The models that score them are not trained, stopped or tested
on them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.models.schema import FeatureSchema
from lakehouse.models.spec import ModelSpec
from lakehouse.models.threshold import Cut, first_threshold
from lakehouse.training.fitting.fold_examples import fold_data
from lakehouse.training.fitting.parallel import fit_each
from lakehouse.training.sets.folds import Fold
from lakehouse.training.sets.rows import Rows


@dataclass(frozen=True)
class OutOfFold:
    """The scored rows of all folds, oldest fold first, within a fold by key.

    `fold` counts from 0. `uncalibrated` is at the true base rate. `prediction` is the final output,
    with a calibrator that was fitted on these same rows.
    """

    rows: Rows
    fold: npt.NDArray[np.int64]
    uncalibrated: npt.NDArray[np.float64]
    prediction: npt.NDArray[np.float64]


def out_of_fold(
    spec: ModelSpec,
    schema: FeatureSchema,
    rows: Rows,
    folds: Sequence[Fold],
    kept: Collection[str] | None,
    params: Mapping[str, Any],
    rounds: int,
) -> OutOfFold:
    """Fit each fold with `rounds` rounds, without early stopping, and score its rows."""

    def predict(fold: Fold, threads: int) -> npt.NDArray[np.float64]:
        data = fold_data(spec, schema, rows, fold, kept)
        return data.predict(data.fit(params, rounds, stop=False, threads=threads))

    predictions = list(fit_each(predict, folds, params["num_threads"]))
    positions = [np.flatnonzero(fold.score_mask(rows)) for fold in folds]
    number = np.repeat(np.arange(len(folds)), [len(part) for part in positions])
    score = np.concatenate(predictions)
    return OutOfFold(rows.take(np.concatenate(positions)), number, score, score)


def threshold_on(spec: ModelSpec, rows: Rows, score: npt.NDArray[np.float64]) -> Cut | None:
    """The initial threshold from these rows and their final scores; None if not binary."""
    if not spec.task.decides or spec.capacity is None:
        return None
    unit = rows.entities[spec.capacity.unit] if spec.capacity.unit else None
    return first_threshold(spec, score, rows.day, unit, rows.label)
