"""The prediction log: its columns, and what of a row does not depend on a threshold.

`predictions.<model>` is what was decided, by who was champion when the row landed.
`predictions.<model>__shadow` is what versions beside it said of the same rows: the same columns,
one row per key and version, where a decision is what would have been decided. Both are views of the
rows that hold now; what they are views of is `tables.py`'s. Batch scoring and the API write the
same rows.
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
    """What all rows of one scoring run share; `scored_at` is naive UTC.

    `snapshot` is that of the lake from which their features were read.
    """

    run_id: str
    scored_at: datetime
    snapshot: int


def output_types(spec: ModelSpec) -> dict[str, str]:
    """SQL types of the columns that scoring adds to who and when, in order."""
    predicted = dict(spec.task.logged)
    if not spec.task.decides:
        return {**predicted, **_STAMP}
    blocked = _BLOCKED if spec.actions.mode == "block" else {}
    return {**predicted, **_DECIDED, **blocked, "reasons": "VARCHAR", **_STAMP}


def said(spec: ModelSpec, model: Model, keys: pa.Array, matrix: Matrix) -> dict[str, Any]:
    """What `model` says of rows (rows, features), by column, and `feature_hash`.

    For a model that blocks, also whether the row is in the control stream.
    """
    prediction = model.predict(matrix)
    columns: dict[str, Any] = {"feature_hash": pa.array(row_hashes(matrix), pa.string())}
    if spec.actions.mode == "block":
        control = [in_control(spec, key) for key in keys.to_pylist()]
        columns["control"] = pa.array(control, pa.bool_())
    return columns | spec.task.logged_columns(prediction, model.card.classes)


def in_control(spec: ModelSpec, key: object) -> bool:
    """Whether a row is let through whatever its score: so it is for a random share of all keys.

    Drawn from the key and the model's name, so that it can be told again, a row keeps it whatever
    version decides, and two models control different rows.
    """
    digest = hashlib.blake2b(f"{spec.name}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < spec.actions.control * 2**64
