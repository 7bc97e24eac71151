"""Which version decides: promotion and rollback, each a recorded decision.

The rule by which a model wants to be promoted is `training`'s; here it only happens.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb

from lakehouse.lake import Author, Lake, qualified
from lakehouse.registry import tables
from lakehouse.registry.versions import (
    NoChampion,
    RegistryError,
    State,
    Version,
    find_transitions,
    find_versions,
    lake_time,
    pick,
    record,
)


def find_champion(cursor: duckdb.DuckDBPyConnection, model: str) -> Version | None:
    """The version that decides, as this cursor's transaction sees it; None if there is none."""
    champions = [v for v in find_versions(cursor, model) if v.state == "champion"]
    if len(champions) > 1:
        names = ", ".join(version.version for version in champions)
        raise RegistryError(f"{model} has several champions ({names}); promote one of them again")
    return champions[0] if champions else None


def champion(lake: Lake, model: str) -> Version:
    """The version that decides.

    Raises:
        NoChampion: when none was promoted; the message says what became of the newest version.
    """
    with lake.reader() as cursor:
        return champion_in(cursor, model)


def champion_in(cursor: duckdb.DuckDBPyConnection, model: str) -> Version:
    """`champion` as this cursor's transaction sees it."""
    found = find_champion(cursor, model)
    if found is not None:
        return found
    versions = find_versions(cursor, model)
    if not versions:
        raise NoChampion(f"{model} has no champion: it was never trained; materialize the model")
    newest = versions[0]
    raise NoChampion(
        f"{model} has no champion: its newest version {newest.version} is {newest.state}; "
        "see registry.gates for the gates it failed, then mend the model or promote by hand"
    )


def promote(
    lake: Lake,
    model: str,
    version: str,
    *,
    who: str,
    why: str,
    evidence: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Version:
    """Make `version` the champion and archive the one before it, in one commit.

    Promoting the champion again changes nothing. Raises `RegistryError` for an unknown version.
    """
    author = Author(f"registry.{model}", message=f"promote {version}: {why}")
    with lake.writer(author) as writer:
        return promote_in(writer, model, version, who, why, evidence or {}, lake_time(now))


def promote_in(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    version: str,
    who: str,
    why: str,
    evidence: Mapping[str, Any],
    at: datetime,
) -> Version:
    """`promote` inside an open transaction; `at` is naive UTC."""
    versions = find_versions(writer, model)
    chosen = pick(versions, model, version)
    for other in versions:
        if other.state == "champion" and other.version != version:
            move(writer, other, "archived", who, f"{version} took over: {why}", evidence, at)
    if chosen.state == "champion":
        return chosen
    return move(writer, chosen, "champion", who, why, evidence, at)


def rollback(
    lake: Lake,
    model: str,
    *,
    who: str,
    why: str,
    evidence: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Version:
    """Take the champion back and let the champion before it decide again; returns that one.

    Raises:
        NoChampion: when there is nothing to take back.
        RegistryError: when no earlier champion is left.
    """
    at = lake_time(now)
    with lake.writer(Author(f"registry.{model}", message=f"roll back: {why}")) as writer:
        current = champion_in(writer, model)
        reigned = [t.version for t in find_transitions(writer, model) if t.to_state == "champion"]
        archived = {v.version: v for v in find_versions(writer, model) if v.state == "archived"}
        previous = next((archived[name] for name in reigned if name in archived), None)
        if previous is None:
            raise RegistryError(
                f"{model} has no earlier champion to go back to from {current.version}; "
                "promote another version instead"
            )
        move(writer, current, "rolled_back", who, why, evidence or {}, at)
        reason = f"{current.version} was rolled back: {why}"
        return move(writer, previous, "champion", who, reason, evidence or {}, at)


def move(
    writer: duckdb.DuckDBPyConnection,
    version: Version,
    state: State,
    who: str,
    why: str,
    evidence: Mapping[str, Any],
    at: datetime,
) -> Version:
    """Put `version` into `state` and record it, in the open transaction."""
    writer.execute(
        f"UPDATE {qualified(tables.VERSIONS)} SET state = ? WHERE model = ? AND version = ?",
        [state, version.model, version.version],
    )
    record(writer, version, version.state, state, who, why, evidence, at)
    return replace(version, state=state)
