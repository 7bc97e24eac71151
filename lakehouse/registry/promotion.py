"""Which version decides, which score in parallel, and the moves between them, each recorded.

`training` and `monitoring` have the rules that request a move; this module only carries it out.
Moves are made under the lake's write lock, so two processes never leave two champions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb

from lakehouse.lake import Author, Lake, layout, qualified
from lakehouse.registry.states import RegistryError, State, check_move
from lakehouse.registry.versions import (
    NoChampion,
    Version,
    find_transitions,
    find_versions,
    lake_time,
    pick,
    record_transition,
)

Evidence = Mapping[str, Any]
"""The figures behind a decision, as JSON values."""

Prover = Callable[[Version], str]
"""Tests whether a version can score real rows: the reason why it cannot, or an empty string. The
registry does not depend on models, so the caller supplies the proof (`models.readiness.prover`)."""


class NoVersionReady(RegistryError):
    """No earlier champion can score, so nothing was moved."""


def find_champion(cursor: duckdb.DuckDBPyConnection, model: str) -> Version | None:
    """The version that decides, as this cursor's transaction sees it; None if there is none."""
    return champion_among(find_versions(cursor, model), model)


def champion_among(versions: Iterable[Version], model: str) -> Version | None:
    """The version of `model` that decides; None if there is none."""
    champions = [version for version in versions if version.state == "champion"]
    if len(champions) > 1:
        names = ", ".join(version.version for version in champions)
        raise RegistryError(f"{model} has several champions ({names}); promote one of them again")
    return champions[0] if champions else None


def champion(lake: Lake, model: str) -> Version:
    """The version that decides.

    Raises:
        NoChampion: when none was promoted; the message gives the state of the newest version.
    """
    with lake.reader() as cursor:
        return champion_in(cursor, model)


def champion_in(cursor: duckdb.DuckDBPyConnection, model: str) -> Version:
    """`champion` as this cursor's transaction sees it."""
    return _decider_among(find_versions(cursor, model), model)


def _decider_among(versions: Sequence[Version], model: str) -> Version:
    found = champion_among(versions, model)
    if found is not None:
        return found
    if not versions:
        raise NoChampion(f"{model} has no champion: it was never trained; materialize the model")
    newest = versions[0]
    raise NoChampion(
        f"{model} has no champion: its newest version {newest.version} is {newest.state}; "
        f"see {layout.GATES} for the gates it failed, then fix the model or promote a version "
        "by hand"
    )


def predecessor(lake: Lake, model: str) -> Version | None:
    """The version that a rollback tries first: the last champion that was replaced and is still
    archived.

    None if there is none; never one that was rolled back.
    """
    with lake.reader() as cursor:
        return predecessor_in(cursor, model)


def predecessor_in(cursor: duckdb.DuckDBPyConnection, model: str) -> Version | None:
    """`predecessor` as this cursor's transaction sees it."""
    return next(iter(predecessors_in(cursor, model)), None)


def predecessors_in(cursor: duckdb.DuckDBPyConnection, model: str) -> list[Version]:
    """All versions that a rollback may go back to, most recent first."""
    return _predecessors_among(find_versions(cursor, model), cursor, model)


def _predecessors_among(
    versions: Iterable[Version], cursor: duckdb.DuckDBPyConnection, model: str
) -> list[Version]:
    archived = {v.version: v for v in versions if v.state == "archived"}
    if not archived:
        return []
    state_after: dict[str, str] = {}  # by version, newest first: the state after champion
    for transition in find_transitions(cursor, model):
        if transition.from_state == "champion":
            state_after.setdefault(transition.version, transition.to_state)
    names = (
        name for name, state in state_after.items() if state == "archived" and name in archived
    )
    return [archived[name] for name in names]


def scoring_versions(cursor: duckdb.DuckDBPyConnection, model: str) -> list[Version]:
    """The versions that score: the champion, then those in parallel (shadows, its predecessor).

    Raises:
        NoChampion: when no version may decide.
    """
    versions = find_versions(cursor, model)
    current = _decider_among(versions, model)
    shadows = [version for version in versions if version.state == "shadow"]
    return [current, *shadows, *_predecessors_among(versions, cursor, model)[:1]]


def start_shadow(
    lake: Lake,
    model: str,
    version: str,
    *,
    who: str,
    why: str,
    evidence: Evidence | None = None,
    now: datetime | None = None,
) -> Version:
    """Make `version` a shadow, which scores without deciding; a shadow stays one.

    Raises:
        RegistryError: for an unknown version, or one whose state does not allow it.
    """
    with lake.writer(
        Author(layout.REGISTRY.table(model), message=f"shadow {version}: {why}")
    ) as writer:
        return move_in(writer, model, version, "shadow", who, why, evidence or {}, lake_time(now))


def archive(
    lake: Lake,
    model: str,
    version: str,
    *,
    who: str,
    why: str,
    evidence: Evidence | None = None,
    now: datetime | None = None,
) -> Version:
    """Archive a candidate or shadow; an archived version stays one.

    Raises:
        RegistryError: for an unknown version, or the champion, since a model needs one.
    """
    with lake.writer(
        Author(layout.REGISTRY.table(model), message=f"archive {version}: {why}")
    ) as writer:
        if pick(find_versions(writer, model), model, version).state == "champion":
            raise RegistryError(
                f"{model} {version} decides; promote another version or roll it back"
            )
        return move_in(writer, model, version, "archived", who, why, evidence or {}, lake_time(now))


def promote(
    lake: Lake,
    model: str,
    version: str,
    *,
    who: str,
    why: str,
    prove: Prover | None = None,
    evidence: Evidence | None = None,
    expected_champion: str | None = None,
    now: datetime | None = None,
) -> Version:
    """Make `version` the champion and archive the previous one, in one commit.

    Promoting the champion again changes nothing. `prove` runs before anything moves; without it,
    the caller has already seen the version score. A version that was rolled back is accepted only
    if `prove` rejects the champion, so the only version that can score is never blocked.
    `expected_champion` is the champion that the decision was about, if any.

    Raises:
        RegistryError: for an unknown version, one whose state does not allow it or that cannot
            score, and when the champion is no longer `expected_champion`.
    """
    with lake.reader() as reader:
        _require_champion(reader, model, expected_champion)
        chosen, current = pick(find_versions(reader, model), model, version), None
        if chosen.state != "champion":
            current = find_champion(reader, model)
    if prove is not None and chosen.state != "champion" and (problem := prove(chosen)):
        raise RegistryError(
            f"{model} {version} cannot score, so nothing was moved: {problem}; "
            + _remedy(lake, model, prove, excluded=[chosen])
        )
    if chosen.state == "rolled_back" and (
        prove is None or (current is not None and not prove(current))
    ):
        raise RegistryError(
            f"{model} {version} is rolled_back and cannot become champion while "
            f"{current.version if current else 'no version'} can score; first make it a shadow: "
            f"`lakehouse models promote {model} {version} --shadow`"
        )
    if chosen.state == "rolled_back":
        expected_champion = current.version if current else None
        evidence = {**(evidence or {}), "was_rolled_back": True}
    author = Author(layout.REGISTRY.table(model), message=f"promote {version}: {why}")
    with lake.writer(author) as writer:
        _require_champion(writer, model, expected_champion)
        return promote_in(
            *(writer, model, version, who, why, evidence or {}, lake_time(now)),
            allow_rolled_back=chosen.state == "rolled_back",
        )


def promote_in(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    version: str,
    who: str,
    why: str,
    evidence: Evidence,
    at: datetime,
    *,
    allow_rolled_back: bool = False,
) -> Version:
    """`promote` inside an open transaction; `at` is naive UTC.

    `allow_rolled_back`: a version that was rolled back may decide again, because no other can.
    """
    versions = find_versions(writer, model)
    chosen = pick(versions, model, version)
    if chosen.state == "rolled_back" and not allow_rolled_back:
        raise RegistryError(
            f"{model} {version} was rolled back by another process; review the decision "
            "and try again"
        )
    for other in versions:
        if other.state == "champion" and other.version != version:
            _move(writer, other, "archived", who, f"{version} took over: {why}", evidence, at)
    if chosen.state == "champion":
        return chosen
    return _move(writer, chosen, "champion", who, why, evidence, at)


def rollback(
    lake: Lake,
    model: str,
    *,
    who: str,
    why: str,
    prove: Prover,
    fallback: str = "",
    evidence: Evidence | None = None,
    expected_champion: str | None = None,
    now: datetime | None = None,
) -> Version | None:
    """Roll back the champion; the most recent earlier champion that can score decides again.

    `prove` tests each, most recent first, before anything moves; the evidence records why those
    skipped cannot score. If none can, the declared `fallback` decides (its name, empty where none
    is declared), and None is returned. `expected_champion` is the champion to roll back: with it,
    two callers that see the same problem roll back once.

    Raises:
        NoChampion: when there is no champion to roll back.
        NoVersionReady: when nothing else can decide; the message gives the remedy.
        RegistryError: when the champion is no longer `expected_champion`, or another process moved
            the version to go back to.
    """
    with lake.reader() as reader:
        _require_champion(reader, model, expected_champion)
        current = champion_in(reader, model)
        earlier = predecessors_in(reader, model)
    target, problems = _first_ready(earlier, prove)
    if target is None and not fallback:
        tried = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        raise NoVersionReady(
            f"{model} has no earlier champion to go back to: none before {current.version} can "
            f"score{f' ({tried})' if tried else ''}, so nothing was moved; "
            + _remedy(lake, model, prove, excluded=[current, *earlier])
        )
    recorded = {**(evidence or {})}
    if problems:
        recorded["cannot_score"] = problems
    if target is None:
        recorded["decides"] = fallback
    with lake.writer(Author(layout.REGISTRY.table(model), message=f"roll back: {why}")) as writer:
        _require_champion(writer, model, current.version)
        if target is not None:
            _require_unmoved(writer, model, target)
        at = lake_time(now)
        _move(writer, current, "rolled_back", who, why, recorded, at)
        if target is None:
            return None
        reason = f"{current.version} was rolled back: {why}"
        return _move(writer, target, "champion", who, reason, recorded, at)


def _first_ready(
    versions: Iterable[Version], prove: Prover
) -> tuple[Version | None, dict[str, str]]:
    """The first version that can score, and why those before it cannot."""
    problems: dict[str, str] = {}
    for version in versions:
        problem = prove(version)
        if not problem:
            return version, problems
        problems[version.version] = problem
    return None, problems


def _remedy(lake: Lake, model: str, prove: Prover, *, excluded: Iterable[Version]) -> str:
    """The remedy: name the newest version that can score, or report that none can.

    A version that was rolled back comes last, and may only become a shadow while the champion can
    score.
    """
    tried = {version.version for version in excluded}
    with lake.reader() as reader:
        others = [v for v in find_versions(reader, model) if v.version not in tried]
        current = find_champion(reader, model)
    ready, _ = _first_ready(sorted(others, key=lambda v: v.state == "rolled_back"), prove)
    if ready is not None and ready.state == "champion":
        return f"{ready.version} decides and can score"
    if ready is not None:
        command = f"`lakehouse models promote {model} {ready.version}"
        if ready.state == "rolled_back" and current is not None and not prove(current):
            return (
                f"only {ready.version} can score, which was rolled back; make it a shadow with "
                f"{command} --shadow`"
            )
        return f"{ready.version} ({ready.state}) can score; let it decide with {command}`"
    return (
        "no other version can score: restore the artefacts from a backup, or train a new version "
        f"with `lakehouse run --select models/{model} --force` (the same rows and recipe give the "
        "same version again: change the recipe or wait for new labels)"
    )


def move_in(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    version: str,
    state: State,
    who: str,
    why: str,
    evidence: Evidence,
    at: datetime,
) -> Version:
    """Set one version's state, unless it has it already, and record the move; in the open
    transaction.

    For champions use `promote_in` and `rollback`, which also move the other version.
    """
    chosen = pick(find_versions(writer, model), model, version)
    if chosen.state == state:
        return chosen
    return _move(writer, chosen, state, who, why, evidence, at)


def _move(
    writer: duckdb.DuckDBPyConnection,
    version: Version,
    state: State,
    who: str,
    why: str,
    evidence: Evidence,
    at: datetime,
) -> Version:
    check_move(version.model, version.version, version.state, state)
    writer.execute(
        f"UPDATE {qualified(layout.VERSIONS)} SET state = ? WHERE model = ? AND version = ?",
        [state, version.model, version.version],
    )
    record_transition(writer, version, version.state, state, who, why, evidence, at)
    return replace(version, state=state)


def _require_unmoved(writer: duckdb.DuckDBPyConnection, model: str, version: Version) -> None:
    now = pick(find_versions(writer, model), model, version.version)
    if now.state != version.state:
        raise RegistryError(
            f"{model} {version.version} is {now.state} now, so nothing was moved: another process "
            "changed its state; review the decision and try again"
        )


def _require_champion(
    writer: duckdb.DuckDBPyConnection, model: str, expected_champion: str | None
) -> None:
    if expected_champion is None:
        return
    now = find_champion(writer, model)
    if now is None or now.version != expected_champion:
        raise RegistryError(
            f"{model}: this decision was about {expected_champion}, but now "
            f"{now.version if now else 'no version'} decides; review the decision and try again"
        )
