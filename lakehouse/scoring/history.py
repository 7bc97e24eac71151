"""Every decision about one row: what, when, by which version, and why it was superseded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from lakehouse.lake import Lake, qualified, quote, table_exists
from lakehouse.lake.layout import decisions_table, log_table, shadow_table, superseded_table
from lakehouse.models import ModelSpec
from lakehouse.scoring.tables import DECISION


@dataclass(frozen=True)
class Decision:
    """One decision about a row; `row` holds the logged columns.

    `scored_at` is naive UTC. `superseded_by` is the number of the decision that replaced this one.
    """

    decision: int
    version: str
    why: str
    scored_at: datetime
    superseded_by: int | None
    superseded_at: datetime | None
    superseded_because: str
    row: dict[str, Any]


def load_history(
    spec: ModelSpec,
    lake: Lake,
    key: object,
    *,
    at: datetime | None = None,
    shadow: bool = False,
) -> list[Decision]:
    """All decisions about the row with that `key`, oldest first; `at`: as of that time (naive UTC).

    `shadow`: the predictions of shadow versions instead.
    """
    log = shadow_table(spec.name) if shadow else spec.predictions_table
    with lake.reader() as cursor:
        if not table_exists(cursor, log_table(log)):
            return []
        decisions = {
            row[DECISION]: row for row in _rows(cursor, decisions_table(spec.name), "true", [])
        }
        has_key = f"{quote(spec.spine.key)} = ?"
        logged = _rows(cursor, log_table(log), has_key, [key])
        replaced = {
            row[DECISION]: row["superseded_by"]
            for row in _rows(cursor, superseded_table(log), has_key, [key])
        }
    found = []
    for row in sorted(logged, key=lambda row: int(row[DECISION])):
        if at is not None and row["scored_at"] > at:
            continue
        decision = decisions.get(row[DECISION], {})
        replacement = decisions.get(replaced.get(row[DECISION]), {})
        if at is not None and replacement and replacement["scored_at"] > at:
            replacement = {}
        found.append(
            Decision(
                decision=row[DECISION],
                version=row["model_version"],
                why=decision.get("why", ""),
                scored_at=row["scored_at"],
                superseded_by=replacement.get(DECISION),
                superseded_at=replacement.get("scored_at"),
                superseded_because=replacement.get("why", ""),
                row=row,
            )
        )
    return found


def _rows(
    cursor: duckdb.DuckDBPyConnection, table: str, where: str, values: list[object]
) -> list[dict[str, Any]]:
    query = f"SELECT * FROM {qualified(table)} WHERE {where}"
    found: list[dict[str, Any]] = cursor.execute(query, values).to_arrow_table().to_pylist()
    return found
