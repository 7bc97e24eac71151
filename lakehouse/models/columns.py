"""From the matrix of a schema's features to the matrix that the trees use.

Extracted columns follow the features, then unselected columns are removed. `extraction.py` fits
extractions; `selection.py` in `training` selects.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from lakehouse.models.extraction import FittedExtraction, added_names, extend, fit_extraction
from lakehouse.models.schema import FeatureSchema, Matrix
from lakehouse.models.spec import ModelSpec


@dataclass(frozen=True)
class Columns:
    """The columns in `used`, in order: features and extracted columns."""

    schema: FeatureSchema
    extraction: tuple[FittedExtraction, ...]
    used: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The features, followed by the extracted columns."""
        return [*self.schema.names, *added_names(self.extraction)]

    @property
    def categorical(self) -> list[int]:
        """Positions of the categories among `used`."""
        kinds = {feature.name: feature.kind for feature in self.schema.features}
        return [i for i, name in enumerate(self.used) if kinds.get(name) == "category"]

    def matrix(self, features: Matrix) -> Matrix:
        """The trees' matrix for rows of the schema's features; the same array if nothing changes.

        A row gives the same bits alone as in a batch.
        """
        everything = extend(self.extraction, self.schema.names, features)
        names = self.names
        if list(self.used) == names:
            return everything
        return np.ascontiguousarray(everything[:, [names.index(name) for name in self.used]])

    def only(self, kept: Collection[str]) -> "Columns":
        """Keep the columns in `kept`, and the features that these are extracted from."""
        extraction = tuple(
            state for state in self.extraction if any(name in kept for name in state.added)
        )
        needed = {*kept, *(column for state in extraction for column in state.part.columns)}
        schema = self.schema.only(needed)
        return Columns(schema, extraction, tuple(name for name in self.used if name in kept))


def fit_columns(
    spec: ModelSpec, schema: FeatureSchema, matrix: Matrix, kept: Collection[str] | None = None
) -> Columns:
    """Columns of rows of the schema's features, with the extractions fitted on these rows.

    `kept` names the columns that the trees use; None means all.

    Raises:
        TrainingError: for an extraction of columns that the model does not have.
    """
    extraction = fit_extraction(spec.extraction, schema.names, matrix, spec.seed)
    everything = (*schema.names, *added_names(extraction))
    columns = Columns(schema, extraction, everything)
    return columns if kept is None else columns.only(kept)
