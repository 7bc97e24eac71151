"""A trained model: a LightGBM booster with its card. Batch scoring and the API predict with it.

How it got trained is `fit.py`'s, where its files are is `artefact.py`'s.
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
from lakehouse.models.imbalance import true_odds
from lakehouse.models.library import import_lightgbm
from lakehouse.models.prior import shifted
from lakehouse.models.schema import FeatureSchema, Matrix
from lakehouse.models.tasks import DeclaredTask
from lakehouse.models.threshold import decided


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Study(_Record):
    """The search that parameters were chosen by: its trials are rows of `registry.trials`.

    `value` is the mean of `metric` over `folds` folds, of the trial `chosen` and of the declaration
    (trial 0). `params` are those that were searched.
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
    """The version whose trees a version went on from, and how many rounds of them there are."""

    version: str
    trees_sha256: str
    rounds: int


class ModelCard(_Record):
    """All that makes a model beside its trees; holds no clock, so it repeats to the byte.

    `features` is what a caller gives, `inputs` names what the trees see: some of those, and columns
    of `extraction`. `odds` is by how much weights or undersampling made the trees' odds too high,
    `shift` the log odds by which the prior moved since. `classes`: labels of a multiclass model by
    position. `threshold`: score from which a binary model flags, and `ties` the share of those
    equal to it that it flags. `baseline`: the training label's mean (binary, regression) or the
    position of its commonest class. `params` are all that LightGBM was given, `recipe` what was
    declared. `selection`, `study` and `parent` say how features, parameters and first trees were
    chosen, and `notes` what was declared and could not be done. `libraries`: versions the bytes
    depend on.
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
    """A model that can predict; `trees` is LightGBM's text, read when it is first asked."""

    card: ModelCard
    trees: str

    def decided(self, score: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Scores of rows in the order of their keys, at least `card.threshold` where it flags."""
        card = self.card
        seed = int(card.params["seed"])
        return np.asarray(decided(score, card.threshold, card.ties, seed), dtype=np.float64)

    @cached_property
    def booster(self) -> Any:
        """The LightGBM booster, whose columns are `card.inputs`."""
        return import_lightgbm().Booster(model_str=self.trees)

    @cached_property
    def columns(self) -> Columns:
        """The way from the features to what the trees see."""
        return Columns(self.card.features, self.card.extraction, self.card.inputs)

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Scores in [0, 1], forecasts in the label's unit, or (rows, classes) probabilities.

        They are final: corrected for weights and undersampling, and calibrated. `matrix` is that of
        `card.features`.
        """
        calibrated = calibration.apply(self.card.calibration, self.uncalibrated(matrix))
        final = shifted(calibrated, self.card.shift)
        return np.asarray(final, dtype=np.float64)

    def uncalibrated(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """`predict` without the last steps: calibration and the prior's shift."""
        if not len(matrix):
            return np.empty(self.card.task.shape(0, len(self.card.classes)))
        raw = np.asarray(self.booster.predict(self.columns.matrix(matrix)), dtype=np.float64)
        return true_odds(raw, self.card.odds)

    def predict_rows(self, rows: pa.RecordBatch) -> npt.NDArray[np.float64]:
        """`predict` for rows that have the features as columns. Raises `SchemaMismatch`."""
        return self.predict(self.card.features.matrix(rows))
