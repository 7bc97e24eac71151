"""Asking for a new version: who asks says why; whoever trains next takes it into account.

Nothing here trains. A request is answered by the next version whose training began with it, as that
training records: by the order of the commits, for clocks are set back. None is noted within the
model's cool-down after the one before, so that alarms cannot storm.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from lakehouse.lake import qualified, read_columns
from lakehouse.lake.layout import REQUESTS


@dataclass(frozen=True)
class Request:
    """A wish for a new version of `model`; `asked_at` is naive UTC."""

    model: str
    asked_at: datetime
    reason: str
    evidence: Mapping[str, Any]


def last_request(cursor: duckdb.DuckDBPyConnection, model: str) -> Request | None:
    """The newest request for a version of `model`."""
    found = _last(cursor, model)
    return found[0] if found else None


def open_request(
    cursor: duckdb.DuckDBPyConnection, model: str, newest: datetime | None
) -> Request | None:
    """The newest request that no version has answered yet.

    `newest` is when the newest version was made; it counts for requests from before answers were
    recorded.
    """
    found = _last(cursor, model)
    if found is None:
        return None
    last, answered = found
    if answered is None:
        answered = newest is not None and last.asked_at <= newest
    return None if answered else last


def ask_in(writer: duckdb.DuckDBPyConnection, request: Request, cooldown: timedelta) -> bool:
    """Note `request` in the open transaction; False if one was noted within `cooldown` before."""
    last = last_request(writer, request.model)
    # one of the future was noted by another clock, and must not silence this one until then
    if last is not None and timedelta() <= request.asked_at - last.asked_at < cooldown:
        return False
    writer.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(REQUESTS)} "
        "(model VARCHAR, asked_at TIMESTAMP, reason VARCHAR, evidence VARCHAR, answered BOOLEAN)"
    )
    _add_answered(writer)
    writer.execute(
        f"INSERT INTO {qualified(REQUESTS)} (model, asked_at, reason, evidence, answered) "
        "VALUES (?, ?, ?, ?, false)",
        [request.model, request.asked_at, request.reason, json.dumps(dict(request.evidence))],
    )
    return True


def answer_in(writer: duckdb.DuckDBPyConnection, request: Request) -> None:
    """Record in the open transaction that a version follows `request`."""
    _add_answered(writer)
    writer.execute(
        f"UPDATE {qualified(REQUESTS)} SET answered = true WHERE model = ? AND asked_at = ?",
        [request.model, request.asked_at],
    )


def _add_answered(writer: duckdb.DuckDBPyConnection) -> None:
    if "answered" not in read_columns(writer, REQUESTS):
        writer.execute(f"ALTER TABLE {qualified(REQUESTS)} ADD COLUMN answered BOOLEAN")


def _last(cursor: duckdb.DuckDBPyConnection, model: str) -> tuple[Request, bool | None] | None:
    columns = read_columns(cursor, REQUESTS)
    if not columns:
        return None
    answered = "answered" if "answered" in columns else "NULL"
    # rowids follow the commits
    row = cursor.execute(
        f"SELECT asked_at, reason, evidence, {answered} FROM {qualified(REQUESTS)} "
        "WHERE model = ? ORDER BY rowid DESC LIMIT 1",
        [model],
    ).fetchone()
    return (Request(model, row[0], row[1], json.loads(row[2])), row[3]) if row else None
