"""Requests for a new version, each with its reason; the next training follows the open one.

Nothing here trains. A request is answered by the next version whose training started from it, as
that training records. Requests are ordered by commit, because clocks can be set back. No request is
recorded within the model's cool-down after the last one, so that alarms cannot storm.
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
    """A request for a new version of `model`; `asked_at` is naive UTC."""

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

    `newest` is the creation time of the newest version; it decides for requests from before answers
    were recorded.
    """
    found = _last(cursor, model)
    if found is None:
        return None
    last, answered = found
    if answered is None:
        answered = newest is not None and last.asked_at <= newest
    return None if answered else last


def record_request(
    writer: duckdb.DuckDBPyConnection, request: Request, cooldown: timedelta
) -> bool:
    """Record `request` in the open transaction; False if one was recorded within `cooldown`
    before."""
    last = last_request(writer, request.model)
    # a request dated in the future comes from another clock, and must not block this one until then
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


def record_answer(writer: duckdb.DuckDBPyConnection, request: Request) -> None:
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
    # rowids follow commit order
    row = cursor.execute(
        f"SELECT asked_at, reason, evidence, {answered} FROM {qualified(REQUESTS)} "
        "WHERE model = ? ORDER BY rowid DESC LIMIT 1",
        [model],
    ).fetchone()
    return (Request(model, row[0], row[1], json.loads(row[2])), row[3]) if row else None
