"""A registered version's predictions of its pinned rows, for plots, reports and comparisons."""

import numpy as np
import numpy.typing as npt

from lakehouse.lake import Lake
from lakehouse.models.artefact import load_model
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Version
from lakehouse.training.sets.dataset import pinned_set
from lakehouse.training.sets.rows import Rows, load_rows


def replay(
    spec: ModelSpec, lake: Lake, version: Version, period: str = "test"
) -> tuple[Rows, npt.NDArray[np.float64]]:
    """The rows of one period of the version's training set, by key, and the version's predictions.

    Raises:
        BadArtefact, TrainingError: when the artefact or the training set no longer exists.
    """
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    with lake.reader() as cursor:
        pinned = pinned_set(cursor, spec.name, version.training_set_id)
        schema, classes = model.card.features, model.card.classes
        rows = load_rows(cursor, spec, pinned, schema, classes, period)
    return rows, model.predict(rows.matrix)
