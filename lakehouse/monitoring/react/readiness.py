"""Whether a version could take over today, and whether the champion may still decide; no labels.

When a rollback is needed, there is no time to discover that it does not work. So each day the
rollback target scores the newest rows, as it would then (`models.readiness`).
"""

from datetime import datetime, timedelta

import duckdb

from lakehouse.lake import Author, Lake, layout, read_progress
from lakehouse.models import ModelSpec
from lakehouse.models.expiry import find_expiry
from lakehouse.models.readiness import Readiness, check_readiness
from lakehouse.monitoring.findings import Finding, newest_findings, replace_findings
from lakehouse.registry import Version
from lakehouse.registry.promotion import champion_in, predecessors_in
from lakehouse.registry.versions import lake_time
from lakehouse.scoring.fallback import NoFallback, find_fallback

CHECKS = ("expiry", "rollback_ready")
"""Names of the findings made here."""

MAX_LAG = timedelta(days=2)
"""A version whose newest row lags this far behind the scored rows could not take over at once."""


def assess_readiness(
    spec: ModelSpec, lake: Lake, *, run_id: str = "", now: datetime | None = None
) -> tuple[Finding, ...]:
    """Test the champion's predecessors and the declared fallback, and store the verdicts.

    The same verdict of the same day is not written again.

    Raises:
        NoChampion: when no version decides.
    """
    at = lake_time(now)
    with lake.reader() as reader:
        champion = champion_in(reader, spec.name)
        earlier = predecessors_in(reader, spec.name)
        seal = read_progress(reader, spec.predictions_table).seal
        problem = _fallback_problem(reader, spec)
        known = newest_findings(reader, spec.name, champion.version)
    day = (seal or at).date()
    found = (
        _check_expiry(spec, champion, at, day_of=seal or at),
        _check_rollback(spec, lake, champion, earlier, problem, seal or at, now),
    )
    new = [one for one in found if one not in known]
    if new:
        author = Author(layout.MONITORING.table(spec.name), run_id, f"rollback readiness on {day}")
        with lake.writer(author) as writer:
            replace_findings(writer, spec.name, champion.version, new, run_id)
    return found


def _check_expiry(spec: ModelSpec, champion: Version, at: datetime, day_of: datetime) -> Finding:
    found = find_expiry(spec, champion)
    warning = found.warning(at)
    if not warning:
        return Finding("expiry", day_of.date(), passed=True)
    return Finding(
        name="expiry",
        day=day_of.date(),
        passed=False,
        severity="error" if found.has_stopped(at) else "warn",
        cause=warning,
        remedy="train and promote a new version, or declare a longer "
        "`model_card.expires_after_days`",
    )


def _check_rollback(
    spec: ModelSpec,
    lake: Lake,
    champion: Version,
    earlier: list[Version],
    fallback_problem: str,
    until: datetime,
    now: datetime | None,
) -> Finding:
    """Passes if the nearest predecessor is ready; else the cause names what would decide
    instead."""
    day, causes = until.date(), []
    ready: Readiness | None = None
    for version in earlier:
        proof = check_readiness(spec, lake, version, now=now)
        problem = proof.problem or _describe_lag(proof, until)
        if not problem:
            ready = proof
            break
        causes.append(f"{version.version} could not take over: {problem}")
    if not earlier:
        causes.append(f"{champion.version} has no predecessor to roll back to")
    if fallback_problem:
        causes.append(fallback_problem)
    if not causes and ready is not None:
        return Finding("rollback_ready", day, passed=True, value=float(ready.rows))
    outcome = (
        f"after a rollback {ready.version} would decide"
        if ready
        else _outcome_without_versions(spec, fallback_problem)
    )
    return Finding(
        name="rollback_ready",
        day=day,
        passed=False,
        value=float(ready.rows) if ready else None,
        cause=f"{'; '.join(causes)}; {outcome}",
        remedy="restore its files or features, or train and promote a version that can score"
        if earlier
        else "none is needed: this version becomes the predecessor of the next one promoted",
    )


def _describe_lag(proof: Readiness, until: datetime) -> str:
    if proof.newest is None or until - proof.newest < MAX_LAG:
        return ""
    return (
        f"its features end on {proof.newest:%Y-%m-%d}, but rows up to {until:%Y-%m-%d} are scored"
    )


def _outcome_without_versions(spec: ModelSpec, fallback_problem: str) -> str:
    if spec.promotion.fallback == "none" or fallback_problem:
        return "a rollback would be refused"
    fallback = spec.promotion.fallback
    return f"after a rollback the declared fallback ({fallback}) would decide, and flag nothing"


def _fallback_problem(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> str:
    if spec.promotion.fallback == "none":
        return ""
    try:
        find_fallback(cursor, spec)
    except NoFallback as error:
        return str(error)
    return ""
