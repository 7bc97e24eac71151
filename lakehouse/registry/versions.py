"""Model versions as rows of `registry.versions`: read, number and register them.

`promotion.py` decides which one is champion; `models` reads and writes artefacts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import duckdb

from lakehouse.lake import Lake, last_load, layout, qualified, quote, read_columns, table_exists
from lakehouse.registry import tables
from lakehouse.registry.states import RegistryError, State

Metrics = Mapping[str, Mapping[str, float | None]]


class NoChampion(RegistryError):
    """No version has been promoted yet, so none may decide."""


@dataclass(frozen=True)
class Version:
    """One trained artefact and everything needed to make it again.

    `metrics` are by period, then name. `artefact` is a folder relative to `settings.models_dir`,
    `files` gives the SHA-256 of each file in it. `created_at` is naive UTC.
    """

    model: str
    version: str
    number: int
    state: State
    created_at: datetime
    run_id: str
    snapshot: int
    training_set_id: str
    training_set_hash: str
    split: Mapping[str, str]
    code_version: str
    code_hash: str
    config_hash: str
    feature_schema_hash: str
    params: Mapping[str, Any]
    metrics: Metrics
    artefact: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Transition:
    """One recorded move of a version; `from_state` is empty when it was registered.

    `load_id` is the newest load in the lake at the time: later loads landed under the new state. An
    older release did not record it.
    """

    model: str
    version: str
    from_state: str
    to_state: str
    decided_at: datetime
    who: str
    why: str
    evidence: Mapping[str, Any]
    load_id: int | None = None


_JSON = frozenset({"split", "params", "metrics", "files", "evidence"})


def find_versions(cursor: duckdb.DuckDBPyConnection, model: str) -> list[Version]:
    """All versions of `model` as this cursor's transaction sees them, newest first."""
    return [Version(**row) for row in _rows(cursor, layout.VERSIONS, Version, model, "number DESC")]


def list_versions(lake: Lake, model: str) -> list[Version]:
    """All versions of `model`, newest first; none if it was never trained."""
    with lake.reader() as cursor:
        return find_versions(cursor, model)


def list_models(lake: Lake) -> list[str]:
    """The models that were ever trained, by name."""
    with lake.reader() as cursor:
        if not table_exists(cursor, layout.VERSIONS):
            return []
        query = f"SELECT DISTINCT model FROM {qualified(layout.VERSIONS)} ORDER BY model"
        return [model for (model,) in cursor.execute(query).fetchall()]


def find_transitions(cursor: duckdb.DuckDBPyConnection, model: str) -> list[Transition]:
    """Moves of `model`'s versions as this cursor's transaction sees them, newest first."""
    # in commit order: two may have the same time, and clocks differ
    rows = _rows(cursor, layout.TRANSITIONS, Transition, model, "rowid DESC")
    return [Transition(**row) for row in rows]


def list_transitions(lake: Lake, model: str) -> list[Transition]:
    """Every recorded move of `model`'s versions, newest first."""
    with lake.reader() as cursor:
        return find_transitions(cursor, model)


def get_version(lake: Lake, model: str, version: str) -> Version:
    """One version by name. Raises `RegistryError` naming the existing ones."""
    return pick(list_versions(lake, model), model, version)


def pick(versions: list[Version], model: str, version: str) -> Version:
    """The version called `version`. Raises `RegistryError` naming the existing ones."""
    for candidate in versions:
        if candidate.version == version:
            return candidate
    known = ", ".join(candidate.version for candidate in versions) or "none"
    raise RegistryError(f"{model} has no version {version}; known versions: {known}")


def register(writer: duckdb.DuckDBPyConnection, version: Version, who: str, why: str) -> None:
    """Add a candidate with its first transition, in the open transaction.

    Raises:
        RegistryError: when another process took the number in the meantime.
    """
    tables.create(writer)
    if any(other.number == version.number for other in find_versions(writer, version.model)):
        raise RegistryError(
            f"{version.model} already has a version {version.number}: another process trained "
            "at the same time; run it again"
        )
    tables.insert(writer, layout.VERSIONS, _to_row(version))
    record_transition(writer, version, "", version.state, who, why, {}, version.created_at)


def record_transition(
    writer: duckdb.DuckDBPyConnection,
    version: Version,
    from_state: str,
    to_state: str,
    who: str,
    why: str,
    evidence: Mapping[str, Any],
    at: datetime,
) -> None:
    """Write one transition, in the open transaction."""
    load_id = last_load(writer)
    row = Transition(
        version.model, version.version, from_state, to_state, at, who, why, evidence, load_id
    )
    tables.add_missing_columns(writer, layout.TRANSITIONS)
    tables.insert(writer, layout.TRANSITIONS, _to_row(row))


def lake_time(now: datetime | None) -> datetime:
    """`now` (or the current time) as the lake stores it: UTC without a zone."""
    return (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)


def _rows(
    cursor: duckdb.DuckDBPyConnection, table: str, kind: type[Any], model: str, order: str
) -> list[dict[str, Any]]:
    present = read_columns(cursor, table)
    if not present:
        return []
    names = [field.name for field in fields(kind) if field.name in present]
    query = (
        f"SELECT {', '.join(map(quote, names))} FROM {qualified(table)} "
        f"WHERE model = ? ORDER BY {order}"
    )
    return [
        {
            name: json.loads(value) if name in _JSON else value
            for name, value in zip(names, row, strict=True)
        }
        for row in cursor.execute(query, [model]).fetchall()
    ]


def _to_row(row: Version | Transition) -> dict[str, object]:
    return {
        name: json.dumps(value, sort_keys=True) if name in _JSON else value
        for name, value in vars(row).items()
    }
