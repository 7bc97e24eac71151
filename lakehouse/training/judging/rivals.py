"""Other models' predictions of a training set's test rows, for comparisons on the same rows.

Registered versions read the features that they were trained on; the trivial and the linear model
are fitted on the training rows. `evaluation` compares the predictions.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.document import Against
from lakehouse.lake import Lake, qualified, quote
from lakehouse.models.artefact import load_model
from lakehouse.models.errors import SchemaMismatch
from lakehouse.models.inputs import join_features, pinned_tables
from lakehouse.models.labels import label_columns
from lakehouse.models.model import Model
from lakehouse.models.schema import FeatureSchema
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Version
from lakehouse.training.judging.assessment import Prediction
from lakehouse.training.judging.logistic import challenger_scores
from lakehouse.training.sets.dataset import BATCH_ROWS
from lakehouse.training.sets.rows import Rows, collect


@dataclass(frozen=True)
class Rival:
    """Another model's prediction of the test rows, by key, in the shape of ours.

    `threshold` is None if the rival has none. `shared`, (test rows,), is true for the rows that the
    rival predicts; None means all of them.
    """

    against: Against
    version: str
    prediction: Prediction
    threshold: float | None = None
    shared: npt.NDArray[np.bool_] | None = None

    def of(self, rows: npt.NDArray[np.bool_]) -> Prediction:
        """The prediction of the test rows where `rows` is true; all of them must be in `shared`."""
        return self.prediction[rows if self.shared is None else rows[self.shared]]


def version_rival(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    set_id: str,
    version: Version,
    against: Against,
    classes: tuple[str, ...],
) -> Rival:
    """The predictions of `version` for the test rows of training set `set_id`; `classes` are ours.

    Raises:
        BadArtefact, SchemaMismatch: when it cannot score any of them, because its artefact is
            broken or the features it reads no longer exist.
    """
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    rows, shared = test_rows(cursor, spec, set_id, model, classes)
    prediction = model.break_ties(model.predict(rows.matrix))
    prediction = spec.task.in_classes(prediction, model.card.classes, classes)
    return Rival(
        *(against, version.version, prediction, model.card.threshold),
        shared=None if shared.all() else shared,
    )


def trivial_rival(spec: ModelSpec, train: Rows, test: Rows, classes: int) -> Rival:
    """The best prediction without a model."""
    found = spec.task.trivial(train.label, test, classes)
    return Rival("baseline", found.name, found.prediction, found.threshold)


def linear_rival(
    spec: ModelSpec, schema: FeatureSchema, train: Rows, test: Rows, classes: int, flagged: int
) -> Rival:
    """A linear model of the same features; it flags `flagged` rows, as many as our model does."""
    prediction = challenger_scores(
        spec.task,
        train.matrix,
        train.label,
        test.matrix,
        categories=schema.categorical_columns,
        classes=classes,
    ).astype(np.float64)
    threshold = None
    if spec.task.decides:
        threshold = float(np.sort(prediction)[-flagged]) if flagged else np.inf
    return Rival("logistic_regression", spec.task.linear_name, prediction, threshold)


def test_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    set_id: str,
    model: Model,
    classes: tuple[str, ...],
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """The test rows of a training set with the features of `model`, which may be another version.

    Its features may be of older versions that are no longer updated. Returns the rows that have all
    features, and for each test row, by key, whether it is one of them.

    Raises:
        SchemaMismatch: when no row has them.
    """
    schema = model.card.features
    pinned_tables(cursor, schema)
    columns, joins = join_features(schema, spec.spine.key, "l.key")
    table, where = qualified(spec.training_table), "l.training_set_id = ? AND l.split = 'test'"
    found = cursor.execute(
        f"SELECT l.key IN (SELECT l.key FROM {table} l {joins} WHERE {where}) "
        f"FROM {table} l WHERE {where} ORDER BY l.key",
        [set_id, set_id],
    ).fetchnumpy()
    (shared,) = (np.asarray(values, dtype=np.bool_) for values in found.values())
    if not shared.any():
        raise SchemaMismatch(
            f"none of {len(shared)} test rows has features of the versions that it was trained on"
        )
    entities = spec.spine.entities
    names = ("event_time", *entities, *label_columns(spec))
    others = ", ".join(f"l.{quote(name)}" for name in names)
    reader = cursor.execute(
        f"SELECT {others}, {columns} FROM {table} l {joins} WHERE {where} ORDER BY l.key", [set_id]
    ).to_arrow_reader(BATCH_ROWS)
    return collect(reader, int(shared.sum()), schema, classes, entities), shared
