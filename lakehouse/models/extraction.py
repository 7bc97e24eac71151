"""Columns extracted from a model's features, fitted on the training period, stored as JSON.

`extend` gives a row the same bits alone as in a batch: it sums column by column, and avoids matrix
products, whose last bits depend on the shape and on threads.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from lakehouse.models.errors import TrainingError
from lakehouse.models.schema import Matrix, as_floats, in_range
from lakehouse.models.spec import Extraction

FIT_ROWS = 50_000
"""More training rows than this are thinned evenly before fitting."""

_TRIMMED_SHARE = 0.1
_SHRINKAGE = 0.1
_RESTARTS = 3
_MAX_ITERATIONS = 50
_Array = npt.NDArray[np.float64]


class FittedExtraction(BaseModel):
    """One declared extraction, fitted.

    It takes a row's `columns`, replaces missing and clipped values with `median`, and standardizes
    with `mean` and `scale`. `matrix` holds principal components (one per row), cluster centres (one
    per row), or for `anomaly` the whitening matrix of usual rows, after which the length is the
    distance.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: Extraction
    median: tuple[float, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    matrix: tuple[tuple[float, ...], ...]

    @property
    def added(self) -> tuple[str, ...]:
        """Names of the columns that it adds: `name`, or `name_1`, `name_2`, ..."""
        if self.part.kind == "anomaly":
            return (self.part.name,)
        return tuple(f"{self.part.name}_{i + 1}" for i in range(len(self.matrix)))


def fit_extraction(
    parts: Sequence[Extraction], names: Sequence[str], matrix: Matrix, seed: int = 0
) -> tuple[FittedExtraction, ...]:
    """Fit each declared part on training rows (rows, features) whose columns are `names`.

    Raises:
        TrainingError: for a column that is not a feature, a name that is already taken, or more
            principal components than columns.
    """
    rows = matrix[:: -(-max(len(matrix), 1) // FIT_ROWS)]
    fitted = tuple(_fit(part, names, rows, seed) for part in parts)
    all_names = [*names, *added_names(fitted)]
    for name in added_names(fitted):
        if all_names.count(name) > 1:
            raise TrainingError(
                f"extraction: two columns have the name {name}; rename the extraction"
            )
    return fitted


def added_names(states: Sequence[FittedExtraction]) -> tuple[str, ...]:
    """The columns that `extend` appends, in order."""
    return tuple(name for state in states for name in state.added)


def extend(states: Sequence[FittedExtraction], names: Sequence[str], matrix: Matrix) -> Matrix:
    """`matrix` (rows, features), followed by the columns of `added_names`."""
    if not states:
        return matrix
    columns = [as_floats(_extract(state, names, matrix)) for state in states]
    return np.ascontiguousarray(np.column_stack([matrix, *columns]))


def _fit(part: Extraction, names: Sequence[str], matrix: Matrix, seed: int) -> FittedExtraction:
    values = _column_values(part, names, matrix)
    known = [column[in_range(column)] for column in values.T]
    medians = [np.median(column) if len(column) else 0.0 for column in known]
    median = np.array(medians, dtype=np.float32).astype(np.float64)
    values = np.where(in_range(values), values, median)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale[scale <= 1e-9 * np.abs(mean)] = 1.0  # a constant column: only rounding errors remain
    standard = (values - mean) / scale
    if part.kind == "pca":
        found = _principal_components(part, standard)
    elif part.kind == "clusters":
        found = _centres(standard, part.components, np.random.default_rng(seed))
    else:
        shift, found = _whitening(standard)
        mean = mean + shift * scale
    return FittedExtraction(
        part=part,
        median=tuple(median.tolist()),
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        matrix=tuple(tuple(row) for row in found.tolist()),
    )


def _column_values(part: Extraction, names: Sequence[str], matrix: Matrix) -> _Array:
    unknown = [column for column in part.columns if column not in names]
    if unknown:
        raise TrainingError(
            f"extraction {part.name} uses {', '.join(unknown)}, which the model does not have "
            f"as features; its features are {', '.join(names)}"
        )
    return matrix[:, [list(names).index(column) for column in part.columns]].astype(np.float64)


def _extract(state: FittedExtraction, names: Sequence[str], matrix: Matrix) -> _Array:
    values = _column_values(state.part, names, matrix)
    values = np.where(in_range(values), values, np.array(state.median))
    standard = (values - np.array(state.mean)) / np.array(state.scale)
    rows = np.array(state.matrix)
    if state.part.kind == "clusters":
        return np.sqrt(_squared_distances(standard, rows))
    projected = np.zeros((len(standard), len(rows)))
    for column, weights in zip(standard.T, rows.T, strict=True):
        projected += column[:, None] * weights
    if state.part.kind == "pca":
        return projected
    return np.sqrt(_squared_distances(projected, np.zeros((1, len(rows)))))


def _principal_components(part: Extraction, standard: _Array) -> _Array:
    """The directions of largest variance, each with a positive largest weight."""
    if part.components > len(part.columns):
        raise TrainingError(
            f"extraction {part.name}: {len(part.columns)} columns cannot have {part.components} "
            "principal components; lower `components`"
        )
    _, vectors = np.linalg.eigh(_covariance(standard))
    chosen = vectors.T[::-1][: part.components]
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(axis=1)[:, None], axis=1)
    result: _Array = chosen * np.sign(largest)
    return result


def _whitening(standard: _Array) -> tuple[_Array, _Array]:
    """Centre of the usual rows, and a matrix W for which |W x| is the Mahalanobis distance.

    The usual rows are the 90 % nearest to the medians, so that anomalies do not affect the
    estimate. The covariance is shrunk towards its diagonal, which makes it invertible (Ledoit &
    Wolf, 2004, with a fixed share for simplicity).
    """
    distance = np.square(standard - np.median(standard, axis=0)).sum(axis=1)
    usual = standard[distance <= np.quantile(distance, 1 - _TRIMMED_SHARE)]
    centre = usual.mean(axis=0)
    covariance = _covariance(usual - centre)
    diagonal = np.maximum(np.diag(covariance), 1e-6)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(diagonal)
    np.fill_diagonal(shrunk, diagonal)
    return centre, np.linalg.inv(np.linalg.cholesky(shrunk))


def _centres(standard: _Array, count: int, random: np.random.Generator) -> _Array:
    """k-means (Lloyd) from k-means++ starts (Arthur & Vassilvitskii, 2007), the best of several.

    Centres are sorted by their coordinates, so that equal clusters give equal columns.
    """
    best, smallest = standard[:1], np.inf
    for _ in range(_RESTARTS):
        centres = _initial_centres(standard, count, random)
        for _ in range(_MAX_ITERATIONS):
            nearest = _squared_distances(standard, centres).argmin(axis=1)
            moved = centres.copy()
            for i in range(count):
                members = standard[nearest == i]
                if len(members):
                    moved[i] = members.mean(axis=0)
            if np.allclose(moved, centres, rtol=0, atol=1e-4):
                break
            centres = moved
        inertia = float(_squared_distances(standard, centres).min(axis=1).sum())
        if inertia < smallest:
            best, smallest = centres, inertia
    result: _Array = best[np.lexsort(best.T[::-1])]
    return result


def _initial_centres(standard: _Array, count: int, random: np.random.Generator) -> _Array:
    """Rows far from each other: the probability of each next one grows with its distance."""
    chosen = [standard[random.integers(len(standard))]]
    for _ in range(count - 1):
        distances = _squared_distances(standard, np.array(chosen)).min(axis=1)
        total = distances.sum()
        chances = distances / total if total else None
        chosen.append(standard[random.choice(len(standard), p=chances)])
    return np.array(chosen)


def _squared_distances(rows: _Array, points: _Array) -> _Array:
    """Squared distances (rows, points)."""
    result = np.zeros((len(rows), len(points)))
    for column, coordinates in zip(rows.T, points.T, strict=True):
        result += np.square(column[:, None] - coordinates)
    return result


def _covariance(centred: _Array) -> _Array:
    width = centred.shape[1]
    result = np.empty((width, width))
    for i in range(width):
        for j in range(i + 1):
            result[i, j] = result[j, i] = np.sum(centred[:, i] * centred[:, j]) / len(centred)
    return result
