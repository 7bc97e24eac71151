"""Search trials as rows of `registry.trials`, one commit each, so that a killed search resumes.

Proposing and evaluating parameters is in `proposals.py` and `tuning.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from lakehouse.lake import Author, Lake, layout, qualified, table_exists
from lakehouse.registry import tables

Params = Mapping[str, int | float | str | bool]


@dataclass(frozen=True)
class Trial:
    """One finished trial. `fold_values` are the metric's values on the folds, oldest first.

    `value` is their mean; None if LightGBM rejected the parameters (`failed`). A `pruned` trial was
    stopped before its last fold.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    params: Params
    fold_values: tuple[float, ...]
    value: float | None
    seconds: float


def read_trials(lake: Lake, model: str, study: str) -> list[Trial]:
    """The finished trials of a study, by number."""
    with lake.reader() as cursor:
        if not table_exists(cursor, layout.TRIALS):
            return []
        rows = cursor.execute(
            "SELECT number, state, params, fold_values, value, seconds "
            f"FROM {qualified(layout.TRIALS)} WHERE model = ? AND study = ? ORDER BY number",
            [model, study],
        ).fetchall()
    return [
        Trial(number, state, json.loads(params), tuple(json.loads(folds)), value, seconds)
        for number, state, params, folds, value, seconds in rows
    ]


def write_trial(lake: Lake, model: str, study: str, trial: Trial, run_id: str) -> None:
    """Add a finished trial, unless another process has already written the same one."""
    author = Author(f"models.{model}", run_id, f"trial {trial.number} of study {study}")
    with lake.writer(author) as writer:
        tables.create(writer)
        exists = writer.execute(
            f"SELECT 1 FROM {qualified(layout.TRIALS)} "
            "WHERE model = ? AND study = ? AND number = ?",
            [model, study, trial.number],
        ).fetchone()
        if exists:
            return
        tables.insert(
            writer,
            layout.TRIALS,
            {
                **vars(trial),
                "model": model,
                "study": study,
                "params": json.dumps(dict(trial.params), sort_keys=True),
                "fold_values": json.dumps(trial.fold_values),
                "created_at": datetime.now(UTC).replace(tzinfo=None),
                "run_id": run_id,
            },
        )
