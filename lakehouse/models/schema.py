"""A model's features, and the single place that encodes their values for LightGBM.

Training, batch scoring and the API all use `FeatureSchema.matrix`, so that a value is encoded the
same way everywhere. No pandas: its categoricals let serving and training drift apart.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from lakehouse.lake import quote
from lakehouse.models.errors import SchemaMismatch

Kind = Literal["number", "category"]
Matrix = npt.NDArray[np.float32]

LARGEST = float(np.finfo(np.float32).max)
"""The largest number of a matrix. Values beyond it, infinities included, are clipped to it or to
its negative. Trees only compare, so such a value stays above (below) all others, and a matrix holds
only finite numbers and NaN. LightGBM itself puts infinity into one bin with the largest finite
value."""


def float_sql(sql: str) -> str:
    """SQL for the number `sql` of any type as a FLOAT, in the same bits as `as_floats`.

    It converts to the nearest DOUBLE first, because engines round a DECIMAL to 32 bits differently.
    """
    number = f"TRY_CAST(CAST({sql} AS DOUBLE) AS FLOAT)"
    bounds = f"WHEN {sql} > 0 THEN '{LARGEST!r}'::FLOAT WHEN {sql} < 0 THEN '{-LARGEST!r}'::FLOAT"
    return f"coalesce(nullif(nullif({number}, 'inf'::FLOAT), '-inf'::FLOAT), CASE {bounds} END)"


def as_floats(values: npt.NDArray[Any]) -> Matrix:
    """Numbers as 32-bit floats, clipped to ±`LARGEST`; NaN stays."""
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32, copy=False)
    clipped: Matrix = np.clip(numbers, -LARGEST, LARGEST, dtype=np.float32)
    return clipped


def in_range(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """A mask of values that are usable for sums and distances: neither missing nor clipped."""
    known: npt.NDArray[np.bool_] = np.abs(values) < LARGEST
    return known


def count_clipped(names: Sequence[str], *matrices: Matrix) -> dict[str, int]:
    """How many values of each column are clipped to ±`LARGEST`, by name, without zeros."""
    counts = sum((np.abs(m) == LARGEST).sum(axis=0) for m in matrices)
    columns = zip(names, np.broadcast_to(counts, len(names)).tolist(), strict=True)
    return {name: int(count) for name, count in columns if count}


def describe_clipped(counts: Mapping[str, int]) -> str:
    """The counts of `count_clipped` in words; empty if there are none."""
    listed = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
    return listed and f"values beyond ±{LARGEST:.2g} were set to that bound: {listed}"


class Feature(BaseModel):
    """One input column. Texts are stored as positions in the model's dictionary of that column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    set: str
    kind: Kind

    @property
    def sql_type(self) -> str:
        """Its canonical type, in training sets and as an input of the matrix."""
        return "FLOAT" if self.kind == "number" else "VARCHAR"


class FeatureSchema(BaseModel):
    """Features in column order, their sets' versions, and the dictionaries of the categories."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: tuple[Feature, ...]
    feature_sets: dict[str, str] = Field(description="Version of each set")
    categories: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Feature names in column order."""
        return [feature.name for feature in self.features]

    @property
    def hash(self) -> str:
        """SHA-256 of names, kinds and set versions, without dictionaries, which depend on the
        data."""
        content = self.model_dump(mode="json", exclude={"categories"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def categorical_columns(self) -> list[int]:
        """Positions of the features that are categories."""
        return [i for i, feature in enumerate(self.features) if feature.kind == "category"]

    def select_list(self, aliases: Mapping[str, str]) -> str:
        """SQL for all features in canonical types; `aliases` gives each set's table alias."""
        return ", ".join(
            f"{_canonical_sql(f, aliases[f.set])} AS {quote(f.name)}" for f in self.features
        )

    def with_categories(self, categories: Mapping[str, tuple[str, ...]]) -> "FeatureSchema":
        """The same features with these dictionaries."""
        return self.model_copy(update={"categories": dict(categories)})

    def only(self, names: Collection[str]) -> "FeatureSchema":
        """Keep only the features in `names`; the set versions stay pinned."""
        return self.model_copy(
            update={
                "features": tuple(f for f in self.features if f.name in names),
                "categories": {n: texts for n, texts in self.categories.items() if n in names},
            }
        )

    def matrix(self, batch: pa.RecordBatch, out: Matrix | None = None) -> Matrix:
        """Rows of `batch` as a C-contiguous (rows, features) matrix of 32-bit floats.

        Missing numbers, missing texts and texts outside the dictionary become NaN; numbers are
        clipped to ±`LARGEST`.

        Raises:
            SchemaMismatch: when `batch` lacks a feature, or a value has another type.
        """
        if out is None:
            out = np.empty((batch.num_rows, len(self.features)), dtype=np.float32)
        for i, feature in enumerate(self.features):
            if feature.name not in batch.schema.names:
                raise SchemaMismatch(f"feature {feature.name} is missing from the rows to score")
            out[:, i] = self._column(feature, batch.column(feature.name))
        return out

    def _column(self, feature: Feature, values: pa.Array) -> Any:
        try:
            if feature.kind == "category":
                dictionary = pa.array(self.categories[feature.name], pa.string())
                values = pc.index_in(values.cast(pa.string()), dictionary)
            elif not pa.types.is_float32(values.type):
                values = values.cast(pa.float64(), safe=False)
            numbers = values.to_numpy(zero_copy_only=False)
        except pa.ArrowException as error:
            raise SchemaMismatch(
                f"feature {feature.name} should be a {feature.kind} but is {values.type}: {error}"
            ) from error
        return as_floats(numbers)


def _canonical_sql(feature: Feature, alias: str) -> str:
    column = f"{quote(alias)}.{quote(feature.name)}"
    return float_sql(column) if feature.kind == "number" else f"CAST({column} AS VARCHAR)"


def row_hashes(matrix: Matrix) -> list[str]:
    """For each row, 16 hexadecimal digits of BLAKE2b over its values as little-endian floats."""
    rows = np.ascontiguousarray(matrix, dtype="<f4")
    rows = np.where(np.isnan(rows), np.float32("nan"), rows)  # one NaN, whatever its payload
    width, data = rows.shape[1] * 4, rows.tobytes()
    return [
        hashlib.blake2b(data[i : i + width], digest_size=8).hexdigest()
        for i in range(0, len(data), width)
    ]
