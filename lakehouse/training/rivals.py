"""What others say of the test rows of a training set, for comparisons on the same rows.

Registered versions read the features that they were trained on; the trivial model and the plain
one are made from the training rows. What differs between them is `evaluation`'s to judge.
"""

from dataclasses import dataclass

import duckdb
import numpy as np

from lakehouse.evaluation.document import Against
from lakehouse.evaluation.metrics import errors
from lakehouse.lake import Lake, qualified, quote
from lakehouse.registry import Version
from lakehouse.training.artefact import load_model
from lakehouse.training.assess import Prediction
from lakehouse.training.dataset import BATCH_ROWS
from lakehouse.training.errors import SchemaMismatch
from lakehouse.training.inputs import join_features, pinned_tables, stale_sets
from lakehouse.training.labels import label_columns
from lakehouse.training.logistic import challenger_scores
from lakehouse.training.model import Model
from lakehouse.training.rows import Rows, collect
from lakehouse.training.schema import FeatureSchema
from lakehouse.training.spec import ModelSpec


@dataclass(frozen=True)
class Rival:
    """Somebody else's prediction of the test rows, by key, in the shape of ours.

    `threshold` is None for whom nobody gave one.
    """

    against: Against
    version: str
    prediction: Prediction
    threshold: float | None = None


def registered(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    set_id: str,
    version: Version,
    against: Against,
    classes: tuple[str, ...],
) -> Rival:
    """What `version` says of the test rows of training set `set_id`; `classes` are ours.

    Raises:
        BadArtefact, SchemaMismatch: when it cannot score them, because its artefact is broken or
            the feature versions it reads are no longer kept up to date.
    """
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    prediction = model.predict(test_rows(cursor, spec, set_id, model, classes).matrix)
    if spec.task == "multiclass":
        prediction = _in_our_classes(prediction, model.card.classes, classes)
    else:
        prediction = model.decided(prediction)
    return Rival(against, version.version, prediction, model.card.threshold)


def trivial(spec: ModelSpec, train: Rows, test: Rows, classes: int) -> Rival:
    """The best that can be said without a model.

    The share of positives or of each class, or the best by MAE of the naive forecasts (the mean if
    there are none).
    """
    if spec.task == "binary":
        return Rival("baseline", "base rate", np.full(len(test), train.label.mean()), np.inf)
    if spec.task == "multiclass":
        shares = np.bincount(train.label.astype(int), minlength=classes) / len(train)
        return Rival("baseline", "class shares", np.tile(shares, (len(test), 1)))
    naive = dict(test.naive) or {"naive_constant": np.full(len(test), train.label.mean())}
    best = min(naive, key=lambda name: errors(test.label, naive[name])["mae"])
    return Rival("baseline", best, naive[best])


def plain(
    spec: ModelSpec, schema: FeatureSchema, train: Rows, test: Rows, classes: int, flagged: int
) -> Rival:
    """A linear model of the same features; it flags `flagged` rows, as many as ours."""
    prediction = challenger_scores(
        spec.task,
        train.matrix,
        train.label,
        test.matrix,
        categories=schema.categorical_columns,
        classes=classes,
    ).astype(np.float64)
    threshold = None
    if spec.task == "binary":
        threshold = float(np.sort(prediction)[-flagged]) if flagged else np.inf
    name = "ridge" if spec.task == "regression" else "logistic"
    return Rival("logistic_regression", name, prediction, threshold)


def test_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    set_id: str,
    model: Model,
    classes: tuple[str, ...],
) -> Rows:
    """The test rows of a training set with the features of `model`, which may be another one's.

    Raises:
        SchemaMismatch: when those features are not there for all rows, or no longer kept up to
            date, or when there is a label outside `classes`.
    """
    schema = model.card.features
    pinned_tables(cursor, schema)
    stale = stale_sets(cursor, schema)
    if stale:
        raise SchemaMismatch(f"its version of {', '.join(stale)} is no longer kept up to date")
    columns, joins = join_features(schema, spec.spine.key, "l.key")
    source = (
        f"FROM {qualified(spec.training_table)} l {{joins}} "
        "WHERE l.training_set_id = ? AND l.split = 'test'"
    )
    count, there = (
        int(cursor.execute(f"SELECT count(*) {source.format(joins=j)}", [set_id]).fetchall()[0][0])
        for j in ("", joins)
    )
    if there != count:
        raise SchemaMismatch(
            f"{count - there} of {count} test rows have no features in the versions it was "
            "trained on"
        )
    entities = spec.spine.entities
    names = ("event_time", *entities, *label_columns(spec))
    others = ", ".join(f"l.{quote(name)}" for name in names)
    reader = cursor.execute(
        f"SELECT {others}, {columns} {source.format(joins=joins)} ORDER BY l.key", [set_id]
    ).to_arrow_reader(BATCH_ROWS)
    return collect(reader, count, schema, classes, entities)


def _in_our_classes(
    probability: Prediction, theirs: tuple[str, ...], ours: tuple[str, ...]
) -> Prediction:
    """Columns by our classes; one that they do not know has no probability."""
    result = np.zeros((len(probability), len(ours)))
    for place, name in enumerate(theirs):
        if name in ours:
            result[:, ours.index(name)] = probability[:, place]
    return result
