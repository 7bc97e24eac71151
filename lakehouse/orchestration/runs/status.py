"""The current state: each asset's last materialization, rows, data age and checks, as plain data.

Failures include the cause and the remedy, which errors and findings of this package contain.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import BaseModel

from lakehouse.lake import ALWAYS, Lake, table_exists
from lakehouse.lake.layout import FILES, PROGRESS
from lakehouse.orchestration.metadata import ROW_COUNT
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.orchestration.runs.launcher import end_killed_runs
from lakehouse.orchestration.runs.outcomes import Outcome, outcome
from lakehouse.redaction import redact
from lakehouse.settings import Settings

_EVALUATED = ("SUCCEEDED", "FAILED")
"""States of a check record that Dagster treats as complete; others are planned."""
_THE_RUN = "the run"
"""The name of a failure that ended a run outside any step."""


class FailedCheck(BaseModel):
    """A check whose newest evaluation did not pass; `remedy` is empty if the cause includes it."""

    check: str
    severity: str
    cause: str
    remedy: str


class FailedStep(BaseModel):
    """A step of the newest run; `error` is cause and remedy in a sentence."""

    run_id: str
    job: str
    step: str
    error: str


class AssetStatus(BaseModel):
    """One asset. Times are UTC; `complete_until` is the time up to which its data are complete.

    Data that are complete up to a future time are not fresh: a clock or the source is wrong.
    `checks_warned` and `checks_failed` are those of severity WARN and ERROR that did not pass, the
    words that a run uses. `error` is why its own step failed since it was last materialized;
    `failed_before` names the upstream step whose failure prevented an update.
    """

    asset: str
    materialized_at: datetime | None
    run_id: str | None
    rows: int | None
    complete_until: datetime | None
    data_age_hours: float | None
    allowed_age_hours: float | None
    fresh: bool | None
    checks_passed: int
    checks_warned: list[FailedCheck]
    checks_failed: list[FailedCheck]
    error: str | None
    failed_before: str | None


class Status(BaseModel):
    """Every asset in the order of the data flow, and the failures of the newest run of any job."""

    assets: list[AssetStatus]
    failed_steps: list[FailedStep]


def read_status(
    definitions: dg.Definitions, settings: Settings, lake: Lake | None, now: datetime
) -> Status:
    """Every asset that can be materialized, and the failed steps of the newest run."""
    graph = definitions.resolve_asset_graph()
    seals = _seals(lake) if lake else {}
    with open_instance(settings) as instance:
        end_killed_runs(instance)
        assets = [
            _status(graph, instance, key, seals.get("/".join(key.path)), now)
            for level in graph.toposorted_asset_keys_by_level
            for key in sorted(level)
            if key in graph.materializable_asset_keys
        ]
        return Status(assets=assets, failed_steps=_failed_steps(instance))


def _status(
    graph: Any, instance: dg.DagsterInstance, key: dg.AssetKey, seal: datetime | None, now: datetime
) -> AssetStatus:
    node = graph.get(key)
    event = instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    rows: Any = materialization.metadata.get(ROW_COUNT) if materialization else None
    policy = node.freshness_policy
    allowed = policy.fail_window.to_timedelta() if hasattr(policy, "fail_window") else None
    age = now - seal if seal else None
    checks = _checks(instance, sorted(node.check_keys))
    error, failed_before = _error(graph, instance, key, event)
    return AssetStatus(
        asset="/".join(key.path),
        materialized_at=datetime.fromtimestamp(event.timestamp, UTC) if event else None,
        run_id=event.run_id if event else None,
        rows=int(rows.value) if rows is not None else None,
        complete_until=seal,
        data_age_hours=age.total_seconds() / 3600 if age is not None else None,
        allowed_age_hours=allowed.total_seconds() / 3600 if allowed else None,
        fresh=timedelta(0) <= age <= allowed if age is not None and allowed else None,
        checks_passed=len(checks["passed"]),
        checks_warned=checks["warned"],
        checks_failed=checks["failed"],
        error=error,
        failed_before=failed_before,
    )


def _checks(
    instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey]
) -> dict[Outcome, list[FailedCheck]]:
    """The newest evaluations by their outcome; those never evaluated are not counted."""
    found: dict[Outcome, list[FailedCheck]] = {"passed": [], "warned": [], "failed": []}
    for key in keys:
        evaluation = _newest_evaluation(instance, key)
        if evaluation is None:
            continue
        remedy = evaluation.metadata.get("remedy")
        check = FailedCheck(
            check=key.name,
            severity=evaluation.severity.value,
            cause=redact(evaluation.description or ""),
            remedy=redact(str(remedy.value)) if remedy is not None else "",
        )
        found[outcome(passed=evaluation.passed, severity=check.severity)].append(check)
    return found


def _newest_evaluation(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> Any:
    """The newest evaluation, or None; one planned in a run that failed first does not hide it."""
    record = instance.get_latest_asset_check_evaluation_record(key)
    if record is None:
        return None
    if record.status.value not in _EVALUATED:
        evaluated = {type(record.status)(name) for name in _EVALUATED}
        storage = instance.event_log_storage
        found = storage.get_asset_check_execution_history(key, limit=1, status=evaluated)
        return found[0].evaluation if found else None
    return record.evaluation


def _error(
    graph: Any, instance: dg.DagsterInstance, key: dg.AssetKey, event: dg.EventLogEntry | None
) -> tuple[str | None, str | None]:
    """Why the asset's last run failed, if that was after the last materialization.

    Either the error of its own step, or the failed upstream step that produces one of its inputs.
    """
    records = instance.get_asset_records([key])
    run_id = records[0].asset_entry.last_run_id if records else None
    if run_id is None or (event is not None and event.run_id == run_id):
        return None, None
    failed = _failures(instance, run_id)
    steps = {
        entry.dagster_event.asset_key: entry.dagster_event.step_key or ""
        for entry in instance.all_logs(
            run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        )
        if entry.dagster_event is not None
    }
    own = failed.get(steps.get(key, ""))
    before = {_THE_RUN, *(steps.get(ancestor) for ancestor in graph.get_ancestor_asset_keys(key))}
    return (own, None) if own else (None, next((step for step in failed if step in before), None))


def _failures(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    """The errors by step, in chronological order; for an aborted run, its cause."""
    from lakehouse.orchestration.runs.in_process import root_cause

    steps = {
        entry.dagster_event.step_key or "": root_cause(entry.dagster_event.step_failure_data.error)
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        if entry.dagster_event is not None
    }
    if steps:
        return steps
    ends = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return {_THE_RUN: ends[-1].message} if ends else {}


def _failed_steps(instance: dg.DagsterInstance) -> list[FailedStep]:
    return [
        FailedStep(run_id=run.run_id, job=run.job_name, step=step, error=error)
        for run in instance.get_runs(limit=1)
        for step, error in _failures(instance, run.run_id).items()
    ]


def _seals(lake: Lake) -> dict[str, datetime]:
    seals: dict[str, datetime] = {}
    with lake.reader() as cursor:
        if table_exists(cursor, FILES):
            query = f"SELECT source, max(seal) FROM {FILES.sql} GROUP BY source"
            for source, seal in cursor.execute(query).fetchall():
                if seal is not None:
                    seals[f"landing/{source}"] = seals[f"raw/{source}"] = seal.replace(tzinfo=UTC)
        if table_exists(cursor, PROGRESS):
            query = f"SELECT name, seal FROM {PROGRESS.sql} WHERE seal < ?"
            for name, seal in cursor.execute(query, [ALWAYS]).fetchall():
                seals[name.replace(".", "/", 1)] = seal.replace(tzinfo=UTC)
    return seals
