"""Reactions to findings: roll back, promote, archive, request a retrain. Each is recorded.

Monitoring requests and the registry acts, with the findings as evidence. No reaction repeats for
the same reason, and a version that was rolled back never returns automatically.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lakehouse.lake import Author, Lake, layout
from lakehouse.models import ModelSpec
from lakehouse.models.readiness import prover
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look.step import WatchReport
from lakehouse.monitoring.react.actions import Action, Kind, record
from lakehouse.monitoring.react.blame import find_blamed_successor
from lakehouse.monitoring.review.comparisons import ComparisonVerdict
from lakehouse.monitoring.review.step import ReviewReport
from lakehouse.registry import (
    RegistryError,
    Version,
    archive,
    list_transitions,
    list_versions,
    promote,
    rollback,
)
from lakehouse.registry.promotion import find_champion
from lakehouse.registry.requests import Request, record_request
from lakehouse.registry.versions import lake_time

ACTOR = "monitoring"
DRIFT = frozenset({"feature_drift", "missing_values", "unseen_categories", "score_drift"})


def react(
    spec: ModelSpec,
    lake: Lake,
    watched: WatchReport,
    reviewed: ReviewReport,
    *,
    run_id: str = "",
    now: datetime | None = None,
) -> tuple[Action, ...]:
    """React to the newest findings, with at most one change of champion.

    In this order: findings that need no labels and point at the version (broken scores, another
    schema); the champion's predecessor does better on matured labels; performance is below a gate;
    a shadow is shown to be better. A retrain is requested on drift or decay, as `retrain.triggers`
    declares. An action that cannot be done is reported, and recorded once.
    """
    at = lake_time(now)
    findings = (*watched.findings, *reviewed.findings)
    actions = _roll_back_if_needed(spec, lake, watched.version, findings, reviewed.compared, now)
    if spec.promotion.rule == "shadow" and not any(action.done for action in actions):
        actions += _settle_shadows(spec, lake, watched.version, reviewed.compared, at, now)
    request = _request(spec, findings, at)
    with lake.reader() as reader:
        if request is None and find_champion(reader, spec.name) is None:
            request = Request(spec.name, at, "no version can score, so the fallback decides", {})
    if not actions and request is None:
        return ()
    with lake.writer(Author(layout.MONITORING.table(spec.name), run_id, "actions")) as writer:
        if request is not None and record_request(writer, request, spec.retrain.cooldown):
            outcome = "training starts as soon as more labels have settled"
            actions.append(Action("retrain", watched.version, request.reason, True, outcome))
        record(writer, spec.name, actions, at, run_id)
    return tuple(actions)


def roll_back_failing_champion(
    spec: ModelSpec,
    lake: Lake,
    why: str,
    *,
    expected_champion: str | None = None,
    run_id: str = "",
    now: datetime | None = None,
) -> Action:
    """Roll back a champion that cannot score at all, and record it; a version that can score
    decides.

    That is the nearest earlier champion that is proved able to score, else the declared fallback,
    which also requests a retrain. Without either nothing is rolled back, and nothing scores until a
    version is promoted. `expected_champion` is the version that could not score: two callers that
    find this roll back once.
    """
    at = lake_time(now)

    def roll_back() -> str:
        return _roll_back(spec, lake, why, {}, expected_champion, now)

    with lake.reader() as reader:
        champion = find_champion(reader, spec.name)
    name = expected_champion or (champion.version if champion else "")
    action = _try("roll back", name, why, roll_back)
    with lake.writer(Author(layout.MONITORING.table(spec.name), run_id, "actions")) as writer:
        if action.done and find_champion(writer, spec.name) is None:
            record_request(
                writer, Request(spec.name, at, action.outcome, {}), spec.retrain.cooldown
            )
        record(writer, spec.name, [action], at, run_id)
    return action


def _roll_back_if_needed(
    spec: ModelSpec,
    lake: Lake,
    champion: str,
    findings: Sequence[Finding],
    compared: Sequence[ComparisonVerdict],
    now: datetime | None,
) -> list[Action]:
    """Roll back, if there is a reason to."""
    reason = _rollback_reason(spec, findings, compared)
    if reason is None:
        return []
    why, evidence = reason
    with lake.reader() as reader:
        successor = find_blamed_successor(reader, spec.name, champion, findings)
    if successor is not None:
        outcome = (
            f"{successor} was rolled back for the same finding, so the fault lies with the data "
            "and not with the version: fix the sources of the features"
        )
        return [Action("roll back", champion, why, False, outcome)]

    def roll_back() -> str:
        return _roll_back(spec, lake, why, evidence, champion, now)

    return [_try("roll back", champion, why, roll_back)]


def _roll_back(
    spec: ModelSpec,
    lake: Lake,
    why: str,
    evidence: dict[str, Any],
    expected_champion: str | None,
    now: datetime | None,
) -> str:
    """Roll back, and return a text that names the version that decides from now on."""
    fallback = spec.promotion.fallback
    earlier = rollback(
        lake,
        spec.name,
        who=ACTOR,
        why=why,
        prove=prover(spec, lake, now),
        fallback="" if fallback == "none" else fallback,
        evidence=evidence,
        expected_champion=expected_champion,
        now=now,
    )
    if earlier is not None:
        return f"{earlier.version} decides again"
    return f"no version can score: the declared fallback ({fallback}) decides, and flags nothing"


def _rollback_reason(
    spec: ModelSpec, findings: Sequence[Finding], compared: Sequence[ComparisonVerdict]
) -> tuple[str, dict[str, Any]] | None:
    """Why the champion should not decide, and the figures; performance is checked last.

    A champion below a gate stays if its predecessor is known to be worse: the world has changed.
    """
    broken = [one for one in findings if one.failed and one.rollback]
    immediate = [one for one in broken if one.name != "matured_performance"]
    if immediate:
        why = "; ".join(one.cause for one in immediate)
        return why, {"findings": [_finding_json(one) for one in immediate]}
    before = next((one for one in compared if one.role == "predecessor"), None)
    if before is not None and before.verdict == "better" and spec.shadow.rollback:
        why = f"its predecessor {before.version} does better on matured labels"
        return why, _as_json(before.evidence)
    if broken and (before is None or before.verdict != "worse"):
        return broken[0].cause, _finding_json(broken[0])
    return None


def _settle_shadows(
    spec: ModelSpec,
    lake: Lake,
    champion: str,
    compared: Sequence[ComparisonVerdict],
    at: datetime,
    now: datetime | None,
) -> list[Action]:
    """Promote one shadow that is better; archive those that are worse or have run out of time."""
    looks = {one.version: one for one in compared}
    moves = list_transitions(lake, spec.name)
    shadows = [one.version for one in list_versions(lake, spec.name) if one.state == "shadow"]
    actions: list[Action] = []
    for version in shadows:
        found = looks.get(version)
        verdict, evidence = (found.verdict, _as_json(found.evidence)) if found else ("", {})
        since = next(m.decided_at for m in moves if (m.version, m.to_state) == (version, "shadow"))
        if verdict == "better":
            why = f"better than {champion} on matured labels"
            take_over = partial(promote, expected_champion=champion, prove=prover(spec, lake, now))
            actions.append(_move("promote", take_over, spec, lake, version, why, evidence, now))
            if actions[-1].done:
                break  # the others were compared with the previous champion
        elif verdict == "worse":
            why = f"worse than {champion} on matured labels"
            actions.append(_move("archive", archive, spec, lake, version, why, evidence, now))
        elif at - since >= spec.shadow.give_up_after:
            days = spec.shadow.give_up_after // timedelta(days=1)
            why = f"{days} days in parallel with {champion} have shown no difference"
            actions.append(_move("archive", archive, spec, lake, version, why, evidence, now))
    return actions


def _move(
    kind: Kind,
    transition: Callable[..., Version],
    spec: ModelSpec,
    lake: Lake,
    version: str,
    why: str,
    evidence: dict[str, Any],
    now: datetime | None,
) -> Action:
    def move() -> str:
        moved = transition(lake, spec.name, version, who=ACTOR, why=why, evidence=evidence, now=now)
        return f"{version} is {moved.state}"

    return _try(kind, version, why, move)


def _try(kind: Kind, version: str, why: str, do: Callable[[], str]) -> Action:
    """Run `do`; a refusal by the registry (champion changed, no predecessor) is an outcome."""
    try:
        return Action(kind, version, why, True, do())
    except RegistryError as error:
        return Action(kind, version, why, False, str(error))


def _request(spec: ModelSpec, findings: Sequence[Finding], at: datetime) -> Request | None:
    """The request for a retrain: for decay rather than for drift."""
    failed = [one for one in findings if one.failed]
    decayed = [one for one in failed if one.name == "matured_performance"]
    drifted = [one for one in failed if one.name in DRIFT]
    triggering = (decayed if "decay" in spec.retrain.triggers else []) + (
        drifted if "drift" in spec.retrain.triggers else []
    )
    return (
        Request(spec.name, at, triggering[0].cause, _finding_json(triggering[0]))
        if triggering
        else None
    )


def _finding_json(finding: Finding) -> dict[str, Any]:
    return _as_json(vars(finding))


def _as_json(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Dates as texts, because evidence is stored as JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(evidence), default=str))
    return plain
