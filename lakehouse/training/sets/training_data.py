"""The training and validation rows of a pinned set in memory, without its test rows."""

from dataclasses import dataclass, replace

from lakehouse.lake import Lake
from lakehouse.models.schema import FeatureSchema
from lakehouse.models.spec import ModelSpec
from lakehouse.training.sets.dataset import TrainingSet
from lakehouse.training.sets.folds import Fold, usable_folds, walk_forward
from lakehouse.training.sets.rows import Rows, find_categories, find_classes, load_rows
from lakehouse.training.sets.variety import refuse_constant, refuse_scarce_classes


@dataclass(frozen=True)
class TrainingData:
    """Rows with the features of `schema`, and the usable folds inside the training period."""

    pinned: TrainingSet
    schema: FeatureSchema
    classes: tuple[str, ...]
    train: Rows
    validation: Rows
    folds: tuple[Fold, ...]

    def only(self, schema: FeatureSchema) -> "TrainingData":
        """The same rows with a subset of the features."""
        if schema.names == self.schema.names:
            return self
        positions = [self.schema.names.index(name) for name in schema.names]
        return replace(
            self,
            schema=schema,
            train=replace(self.train, matrix=self.train.matrix[:, positions]),
            validation=replace(self.validation, matrix=self.validation.matrix[:, positions]),
        )


def load_training_data(spec: ModelSpec, lake: Lake, pinned: TrainingSet) -> TrainingData:
    """Read the training and validation rows of a pinned set.

    Raises:
        NotEnoughData: when the training rows have a single label value.
        TrainingError: when a text has too many values to be a category, or there are too many
            classes for the rows.
    """
    with lake.reader() as cursor:
        schema = find_categories(cursor, spec, pinned)
        classes = find_classes(cursor, spec, pinned)
        train, validation = (
            load_rows(cursor, spec, pinned, schema, classes, period)
            for period in ("train", "validation")
        )
    refuse_constant(spec, train, classes)
    refuse_scarce_classes(spec, train, classes)
    folds = usable_folds(spec, walk_forward(spec, pinned.split), train)
    return TrainingData(pinned, schema, classes, train, validation, folds)
