"""A trained model: a LightGBM booster with its card. Batch scoring and the API predict with it.

`training` trains it, `artefact.py` stores its files.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from lakehouse.models import calibration
from lakehouse.models.calibration import Calibrator
from lakehouse.models.columns import Columns
from lakehouse.models.extraction import FittedExtraction
from lakehouse.models.imbalance import correct_odds
from lakehouse.models.library import import_lightgbm
from lakehouse.models.prior import shift_odds
from lakehouse.models.schema import FeatureSchema, Matrix
from lakehouse.models.tasks import DeclaredTask
from lakehouse.models.threshold import break_ties


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Study(_Record):
    """The search that chose the parameters: its trials are rows of `registry.trials`.

    `value` and `declared_value` are the mean of `metric` over `folds` folds, of the trial `chosen`
    and of the declared parameters (trial 0). `params` are the searched ones.
    """

    id: str
    trials: int
    folds: int
    metric: str
    chosen: int
    value: float
    declared_value: float
    params: dict[str, int | float | str | bool]


class GroupFigure(_Record):
    """Why a group of features is used or not: `figure` against `bound`, and in words."""

    group: str
    features: tuple[str, ...]
    kept: bool
    figure: float
    bound: float
    reason: str


class Parent(_Record):
    """The parent of a warm start, and how many rounds its trees have."""

    version: str
    trees_sha256: str
    rounds: int


class ModelCard(_Record):
    """Everything that defines a model apart from its trees; without a time, so it is reproducible.

    `features` are the inputs of a caller; `inputs` names the columns that the trees use: some of
    the features, and columns of `extraction`. `odds` is the factor by which weights or
    undersampling made the trees' odds too high, `shift` the log odds by which the prior has moved
    since. `classes`: labels of a multiclass model by position. `threshold`: the score from which a
    binary model flags, and `ties` the share of rows with exactly that score that it flags.
    `baseline`: the training label's mean (binary, regression) or the position of its commonest
    class. `params` are all parameters given to LightGBM, `recipe` the declaration. `selection`,
    `study` and `parent` record how features, parameters and first trees were chosen, and `notes`
    what was declared and could not be done. `libraries`: versions that the bytes depend on.
    """

    model: str
    task: DeclaredTask
    features: FeatureSchema
    extraction: tuple[FittedExtraction, ...]
    inputs: tuple[str, ...]
    classes: tuple[str, ...]
    odds: float
    calibration: Calibrator | None
    shift: float = 0.0
    threshold: float | None
    ties: float = 1.0
    baseline: float
    rounds: int
    params: dict[str, Any]
    recipe: dict[str, Any]
    selection: tuple[GroupFigure, ...]
    study: Study | None
    parent: Parent | None
    notes: tuple[str, ...]
    training_set_hash: str
    split: dict[str, str]
    importance: dict[str, float]
    code_version: str
    code_hash: str
    libraries: dict[str, str]
    trees_sha256: str


@dataclass(frozen=True)
class Model:
    """A model that can predict; `trees` is LightGBM's text, parsed on first use."""

    card: ModelCard
    trees: str

    def break_ties(self, score: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Scores of rows in key order, at least `card.threshold` exactly where the model flags."""
        card = self.card
        seed = int(card.params["seed"])
        return np.asarray(break_ties(score, card.threshold, card.ties, seed), dtype=np.float64)

    @cached_property
    def booster(self) -> Any:
        """The LightGBM booster, whose columns are `card.inputs`."""
        return import_lightgbm().Booster(model_str=self.trees)

    @cached_property
    def columns(self) -> Columns:
        """The mapping from features to the trees' columns."""
        return Columns(self.card.features, self.card.extraction, self.card.inputs)

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Scores in [0, 1], forecasts in the label's unit, or (rows, classes) probabilities.

        They are final: corrected for weights and undersampling, and calibrated. `matrix` has the
        columns of `card.features`.
        """
        return self.calibrate(self.uncalibrated(matrix))

    def calibrate(self, uncalibrated: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The last steps of `predict`: calibration and the prior's shift."""
        calibrated = calibration.apply(self.card.calibration, uncalibrated)
        return np.asarray(shift_odds(calibrated, self.card.shift), dtype=np.float64)

    def uncalibrated(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """`predict` without its last steps, `calibrate`."""
        if not len(matrix):
            return np.empty(self.card.task.shape(0, len(self.card.classes)))
        raw = np.asarray(self.booster.predict(self.columns.matrix(matrix)), dtype=np.float64)
        return correct_odds(raw, self.card.odds)

    def predict_rows(self, rows: pa.RecordBatch) -> npt.NDArray[np.float64]:
        """`predict` for rows that have the features as columns. Raises `SchemaMismatch`."""
        return self.predict(self.card.features.matrix(rows))
