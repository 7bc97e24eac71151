"""Asking for a new version: who asks says why; whoever trains next takes it into account.

Nothing here trains. A request is followed by any version made after it, and none is noted within
the model's cool-down after the one before, so that alarms cannot storm.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from lakehouse.lake import qualified
from lakehouse.lake.lake import table_exists

TABLE = "registry.requests"


@dataclass(frozen=True)
class Request:
    """A wish for a new version of `model`; `asked_at` is naive UTC."""

    model: str
    asked_at: datetime
    reason: str
    evidence: Mapping[str, Any]


def last_request(cursor: duckdb.DuckDBPyConnection, model: str) -> Request | None:
    """The newest request for a version of `model`."""
    if not table_exists(cursor, TABLE):
        return None
    row = cursor.execute(
        f"SELECT asked_at, reason, evidence FROM {qualified(TABLE)} "
        "WHERE model = ? ORDER BY asked_at DESC LIMIT 1",
        [model],
    ).fetchone()
    return Request(model, row[0], row[1], json.loads(row[2])) if row else None


def open_request(
    cursor: duckdb.DuckDBPyConnection, model: str, newest: datetime | None
) -> Request | None:
    """The newest request that no version follows yet; `newest` is when the newest one was made."""
    last = last_request(cursor, model)
    return last if last and (newest is None or last.asked_at > newest) else None


def ask_in(writer: duckdb.DuckDBPyConnection, request: Request, cooldown: timedelta) -> bool:
    """Note `request` in the open transaction; False if one was noted within `cooldown` before."""
    last = last_request(writer, request.model)
    if last is not None and request.asked_at < last.asked_at + cooldown:
        return False
    writer.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(TABLE)} "
        "(model VARCHAR, asked_at TIMESTAMP, reason VARCHAR, evidence VARCHAR)"
    )
    writer.execute(
        f"INSERT INTO {qualified(TABLE)} VALUES (?, ?, ?, ?)",
        [request.model, request.asked_at, request.reason, json.dumps(dict(request.evidence))],
    )
    return True
