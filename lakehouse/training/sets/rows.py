"""Rows of training sets in memory: matrices, labels and dictionaries for fitting and evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.lake import qualified, quote
from lakehouse.models.errors import TrainingError
from lakehouse.models.labels import NAIVE_FORECASTS
from lakehouse.models.lots import numbers
from lakehouse.models.schema import FeatureSchema, Matrix
from lakehouse.models.spec import ModelSpec
from lakehouse.training.sets.dataset import TrainingSet, read_rows

MAX_CATEGORIES = 255


@dataclass(frozen=True)
class Rows:
    """One period of a training set, ordered by key.

    `label` holds numbers or positions in the classes; the first position after them stands for any
    class that the training period does not have. `day` counts days since 1970, `label_known_at`
    microseconds since 1970. `entities` are numbers; a text has the same number everywhere.
    """

    matrix: Matrix
    label: npt.NDArray[np.float64]
    day: npt.NDArray[np.int64]
    naive: Mapping[str, npt.NDArray[np.float64]]
    label_known_at: npt.NDArray[np.int64]
    entities: Mapping[str, npt.NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.label)

    def of_classes(self, classes: tuple[str, ...]) -> "Rows":
        """Without rows whose class is missing from the training period: no model predicts it."""
        known = self.label < len(classes)
        return self if not classes or known.all() else self.take(known)

    def take(self, positions: npt.NDArray[Any]) -> "Rows":
        """The rows at these positions, or where this mask is true; copied."""
        return Rows(
            self.matrix[positions],
            self.label[positions],
            self.day[positions],
            {name: values[positions] for name, values in self.naive.items()},
            self.label_known_at[positions],
            {name: values[positions] for name, values in self.entities.items()},
        )


def find_categories(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, pinned: TrainingSet
) -> FeatureSchema:
    """The set's schema with a sorted dictionary of the texts in the training period.

    Raises:
        TrainingError: when a text has too many values to be a category.
    """
    categories = {}
    for feature in pinned.schema.features:
        if feature.kind == "category":
            values = _distinct(cursor, spec, pinned, feature.name, "AND split = 'train'")
            if len(values) > MAX_CATEGORIES:
                raise TrainingError(
                    f"{spec.name}: feature {feature.name} has {len(values)} different texts; "
                    f"a category may have at most {MAX_CATEGORIES}; group them, or `exclude` it"
                )
            categories[feature.name] = tuple(values)
    return pinned.schema.with_categories(categories)


def find_classes(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, pinned: TrainingSet
) -> tuple[str, ...]:
    """The classes of a multiclass label in the training period, sorted; none for other tasks.

    A class that only later periods have cannot be predicted: its rows count as errors.
    """
    if not spec.task.has_classes:
        return ()
    return tuple(_distinct(cursor, spec, pinned, "label", "AND split = 'train'"))


def load_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    pinned: TrainingSet,
    schema: FeatureSchema,
    classes: tuple[str, ...],
    period: str,
) -> Rows:
    """One period of the pinned set, read in batches: memory is four bytes per row and feature."""
    query = (
        f"SELECT count(*) FROM {qualified(spec.training_table)} "
        "WHERE training_set_id = ? AND split = ?"
    )
    count = int(cursor.execute(query, [pinned.id, period]).fetchall()[0][0])
    reader = read_rows(cursor, spec, pinned, period)
    return collect(reader, count, schema, classes, spec.spine.entities)


def collect(
    reader: pa.RecordBatchReader,
    count: int,
    schema: FeatureSchema,
    classes: tuple[str, ...],
    entities: Sequence[str] = (),
) -> Rows:
    """Read `count` rows from a stream with features, `event_time`, labels and naive forecasts.

    Raises:
        SchemaMismatch: when a feature is missing or has another type.
    """
    rows = Rows(
        matrix=np.empty((count, len(schema.features)), dtype=np.float32),
        label=np.empty(count),
        day=np.empty(count, dtype=np.int64),
        naive={name: np.empty(count) for name in NAIVE_FORECASTS if name in reader.schema.names},
        label_known_at=np.empty(count, dtype=np.int64),
        entities={name: np.empty(count, dtype=np.int64) for name in entities},
    )
    start = 0
    for batch in reader:
        end = start + batch.num_rows
        schema.matrix(batch, out=rows.matrix[start:end])
        rows.label[start:end] = _labels(batch.column("label"), classes)
        rows.day[start:end] = _times(batch.column("event_time"), "D")
        rows.label_known_at[start:end] = _times(batch.column("label_known_at"), "us")
        for name, forecast in rows.naive.items():
            forecast[start:end] = batch.column(name).to_numpy()
        for name, coded in rows.entities.items():
            coded[start:end] = numbers(batch.column(name))
        start = end
    return rows


def _times(values: pa.Array, unit: Literal["D", "us"]) -> npt.NDArray[np.int64]:
    times = values.to_numpy(zero_copy_only=False).astype(f"datetime64[{unit}]")
    return np.asarray(times.astype(np.int64))


def _labels(values: pa.Array, classes: tuple[str, ...]) -> Any:
    if not classes:
        return values.to_numpy()
    positions = pc.index_in(values, pa.array(classes, pa.string()))
    return positions.fill_null(len(classes)).to_numpy()


def _distinct(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    pinned: TrainingSet,
    column: str,
    condition: str = "",
) -> list[str]:
    rows = cursor.execute(
        f"SELECT DISTINCT {quote(column)} FROM {qualified(spec.training_table)} "
        f"WHERE training_set_id = ? {condition} AND {quote(column)} IS NOT NULL",
        [pinned.id],
    ).fetchall()
    return sorted(value for (value,) in rows)
