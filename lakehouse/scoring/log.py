"""The prediction log: its columns, and the part of a row that does not depend on a threshold.

`predictions.<model>` holds the decisions, made by the version that was champion when the row
landed. `predictions.<model>__shadow` holds the predictions of shadow versions for the same rows:
the same columns, one row per key and version, where `decision` is the decision that the version
would have made. Both are views of the current rows; `tables.py` has the tables behind them. Batch
scoring and the API write the same rows.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakehouse.models.model import Model
from lakehouse.models.schema import Matrix, row_hashes
from lakehouse.models.spec import ModelSpec

_DECIDED = {"decision": "BOOLEAN", "threshold": "DOUBLE"}
_BLOCKED = {"blocked": "BOOLEAN", "control": "BOOLEAN"}
_STAMP = {
    "model_version": "VARCHAR",
    "feature_hash": "VARCHAR",
    "scored_at": "TIMESTAMP",
    "run_id": "VARCHAR",
}


@dataclass(frozen=True)
class Stamp:
    """Values that all rows of one scoring run share; `scored_at` is naive UTC.

    `snapshot` is the lake snapshot from which the features were read.
    """

    run_id: str
    scored_at: datetime
    snapshot: int


def output_types(spec: ModelSpec) -> dict[str, str]:
    """SQL types, in order, of the columns that scoring adds to the key, entities and time."""
    predicted = dict(spec.task.logged)
    if not spec.task.decides:
        return {**predicted, **_STAMP}
    blocked = _BLOCKED if spec.actions.mode == "block" else {}
    return {**predicted, **_DECIDED, **blocked, "reasons": "VARCHAR", **_STAMP}


def predict_columns(
    spec: ModelSpec, model: Model, keys: pa.Array, matrix: Matrix
) -> dict[str, Any]:
    """Predictions of `model` for rows (rows, features), by column, and `feature_hash`.

    For a model that blocks, also whether the row is in the control stream.
    """
    prediction = model.predict(matrix)
    columns: dict[str, Any] = {"feature_hash": pa.array(row_hashes(matrix), pa.string())}
    if spec.actions.mode == "block":
        control = [in_control(spec, key) for key in keys.to_pylist()]
        columns["control"] = pa.array(control, pa.bool_())
    return columns | spec.task.logged_columns(prediction, model.card.classes)


def in_control(spec: ModelSpec, key: object) -> bool:
    """Whether a row is let through whatever its score, as a random share of all keys is.

    Derived from the key and the model's name: so it is reproducible, a row keeps it whichever
    version decides, and two models control different rows.
    """
    digest = hashlib.blake2b(f"{spec.name}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < spec.actions.control * 2**64
