"""Actions taken on findings, and actions that failed, as rows of `monitoring.actions`.

Only the record; `react/step.py` decides which action to take.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import duckdb

from lakehouse.lake import fetch_value, layout, qualified, table_exists
from lakehouse.monitoring import tables

Kind = Literal["roll back", "promote", "archive", "retrain"]


@dataclass(frozen=True)
class Action:
    """The requested action, its version and reason; whether it was done, or why not."""

    action: Kind
    version: str
    why: str
    done: bool
    outcome: str


def record(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    actions: Sequence[Action],
    at: datetime,
    run_id: str,
) -> None:
    """Store actions that were done, and new refusals, in the open transaction."""
    new = [action for action in actions if action.done or not _is_known(writer, model, action)]
    shared = {"model": model, "taken_at": at, "run_id": run_id}
    tables.insert(writer, layout.ACTIONS, [{**shared, **vars(action)} for action in new])


def last_actions(
    cursor: duckdb.DuckDBPyConnection, model: str, count: int = 3
) -> list[dict[str, Any]]:
    """The newest actions for `model`, newest first, as rows of `monitoring.actions`."""
    if not table_exists(cursor, layout.ACTIONS):
        return []
    names = ["taken_at", "action", "version", "why", "done", "outcome"]
    rows = cursor.execute(
        f"SELECT {', '.join(names)} FROM {qualified(layout.ACTIONS)} WHERE model = ? "
        "ORDER BY rowid DESC LIMIT ?",  # in commit order
        [model, count],
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _is_known(cursor: duckdb.DuckDBPyConnection, model: str, action: Action) -> bool:
    """Whether the same action was refused before for the same reason; figures may differ by the
    day."""
    if not table_exists(cursor, layout.ACTIONS):
        return False
    query = (
        f"SELECT count(*) FROM {qualified(layout.ACTIONS)} "
        "WHERE model = ? AND version = ? AND action = ? AND outcome = ? AND NOT done"
    )
    known = [model, action.version, action.action, action.outcome]
    return bool(fetch_value(cursor, query, known))
