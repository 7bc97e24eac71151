"""The prediction log `predictions.<model>`: what scoring adds to the rows that it was asked for.

Batch scoring and the API write the same rows, so both build them here.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.training.model import Model, ModelCard
from lakehouse.training.schema import row_hashes
from lakehouse.training.spec import Task

_STAMP = {
    "model_version": "VARCHAR",
    "feature_hash": "VARCHAR",
    "scored_at": "TIMESTAMP",
    "run_id": "VARCHAR",
}
OUTPUT_TYPES: dict[Task, dict[str, str]] = {
    "binary": {"score": "DOUBLE", "decision": "BOOLEAN", "threshold": "DOUBLE", **_STAMP},
    "regression": {"prediction": "DOUBLE", **_STAMP},
    "multiclass": {"label": "VARCHAR", "probability": "DOUBLE", **_STAMP},
}
"""SQL types of the columns that scoring adds, by task, in order."""


@dataclass(frozen=True)
class Stamp:
    """What all rows of one scoring run share; `scored_at` is naive UTC."""

    model_version: str
    run_id: str
    scored_at: datetime


def predicted_batch(model: Model, rows: pa.RecordBatch, width: int, stamp: Stamp) -> pa.RecordBatch:
    """The first `width` columns of `rows` (who and when) with what `model` says of the rest.

    `feature_hash` tells which values the model saw: see `row_hashes`. Raises `SchemaMismatch`.
    """
    matrix = model.card.features.matrix(rows)
    count = rows.num_rows
    columns = {
        **{name: rows.column(name) for name in rows.schema.names[:width]},
        **_decided(model.card, model.predict(matrix)),
        "model_version": pa.repeat(stamp.model_version, count),
        "feature_hash": pa.array(row_hashes(matrix), pa.string()),
        "scored_at": pa.repeat(pa.scalar(stamp.scored_at, pa.timestamp("us")), count),
        "run_id": pa.repeat(stamp.run_id, count),
    }
    return pa.RecordBatch.from_pydict(columns)


def _decided(card: ModelCard, prediction: npt.NDArray[np.float64]) -> dict[str, pa.Array]:
    if card.task == "regression":
        return {"prediction": pa.array(prediction)}
    if card.task == "multiclass":
        best = prediction.argmax(axis=1)
        return {
            "label": pa.array(card.classes, pa.string()).take(pa.array(best)),
            "probability": pa.array(prediction[np.arange(len(best)), best]),
        }
    return {
        "score": pa.array(prediction),
        "decision": pa.array(prediction >= np.float64(card.threshold)),
        "threshold": pa.repeat(pa.scalar(card.threshold, pa.float64()), len(prediction)),
    }
