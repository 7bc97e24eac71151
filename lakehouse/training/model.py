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

from lakehouse.training.library import import_lightgbm
from lakehouse.training.schema import FeatureSchema, Matrix
from lakehouse.training.spec import Task


class ModelCard(BaseModel):
    """All that is known of a model beside its trees; holds no clock, so it repeats to the byte.

    `classes`: labels of a multiclass model by position. `threshold`: score from which a binary
    model flags. `baseline`: the training label's mean (binary, regression) or the position of its
    commonest class. `libraries`: versions that the bytes depend on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    task: Task
    features: FeatureSchema
    classes: tuple[str, ...]
    threshold: float | None
    baseline: float
    rounds: int
    params: dict[str, Any]
    recipe: dict[str, Any]
    training_set_hash: str
    split: dict[str, str]
    metrics: dict[str, dict[str, float | None]]
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

    @cached_property
    def _booster(self) -> Any:
        return import_lightgbm().Booster(model_str=self.trees)

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Scores in [0, 1], forecasts in the label's unit, or (rows, classes) probabilities."""
        if not len(matrix):
            shape = (0, len(self.card.classes)) if self.card.task == "multiclass" else (0,)
            return np.empty(shape)
        return np.asarray(self._booster.predict(matrix), dtype=np.float64)

    def predict_rows(self, rows: pa.RecordBatch) -> npt.NDArray[np.float64]:
        """`predict` for rows that have the features as columns. Raises `SchemaMismatch`."""
        return self.predict(self.card.features.matrix(rows))
