"""Detect new source data and failed runs.

A run of a source's own assets refreshes it; everything downstream follows by its automation
condition. While such a run is active, the sensor does not request the source again.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from lakehouse.lake.layout import RAW
from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.orchestration.runs.in_process import JOB, root_cause
from lakehouse.orchestration.runs.webhook import post
from lakehouse.sources.changes import asks_a_server, pending
from lakehouse.sources.spec import SourceSpec

SOURCE_TAG = "lakehouse/sources"
INTERVAL_SECONDS = 5
"""How often sources are checked for new data, and automation conditions evaluated. With Dagster's
30 seconds a file waits longer for its two runs to be requested than for their work. Measured on two
busy cores, an idle `lakehouse dev` takes 15 % of a core instead of 6 %."""
SERVER_SECONDS = 30
"""How often a database or remote storage is asked."""
RETRY_AFTER_SECONDS = 600
"""Seconds before the same state of a source is requested again after a run that did not load it."""

_ASKED = "/asked"
"""Where the cursor has when servers were asked; not the name of a source."""

_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_source_sensor(specs: Sequence[SourceSpec]) -> dg.SensorDefinition:
    """One sensor over all sources: new files in the landing zone, or a changed database."""

    @dg.sensor(
        name="source_changes",
        description="Refreshes the sources that have new data.",
        target=dg.AssetSelection.key_prefixes("landing", RAW),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def source_changes(
        context: dg.SensorEvaluationContext, lake: LakeResource, clock: Clock
    ) -> dg.SensorResult | dg.SkipReason:
        now = clock.now()
        requested: dict[str, Any] = json.loads(context.cursor or "{}")
        asked = requested.setdefault(_ASKED, {})
        active = _active_sources(context.instance, specs)
        due: list[str] = []
        problems: list[str] = []
        for spec in specs:
            if spec.name in active or not _has_passed(asked.get(spec.name), SERVER_SECONDS, now):
                continue
            try:
                if asks_a_server(spec, lake.settings):
                    asked[spec.name] = now.isoformat()
                state = pending(spec, lake.lake)
            except Exception as error:  # one unavailable source must not stop the others
                context.log.warning(f"{spec.name}: {error}")
                problems.append(f"{spec.name}: {error}")
                continue
            if state and _is_due(requested.get(spec.name), state, now):
                due.append(spec.name)
                requested[spec.name] = {"news": state, "at": now.isoformat()}
        context.update_cursor(json.dumps(requested))
        if not due:
            return dg.SkipReason("; ".join(problems) or "no source has new data")
        request = dg.RunRequest(
            asset_selection=[
                dg.AssetKey([layer, name]) for name in due for layer in ("landing", RAW)
            ],
            tags={SOURCE_TAG: ",".join(due)},
        )
        return dg.SensorResult(run_requests=[request])

    return source_changes


def _is_due(last: dict[str, str] | None, state: str, now: datetime) -> bool:
    if last is None or last["news"] != state:
        return True
    return _has_passed(last["at"], RETRY_AFTER_SECONDS, now)


def _has_passed(since: str | None, seconds: int, now: datetime) -> bool:
    if since is None:
        return True
    elapsed = (now - datetime.fromisoformat(since)).total_seconds()
    return not 0 <= elapsed < seconds  # negative if the clock was set back


def _active_sources(instance: dg.DagsterInstance, specs: Sequence[SourceSpec]) -> set[str]:
    active: set[str] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE)):
        if run.asset_selection:  # empty in a run of everything that the command started
            active |= {key.path[-1] for key in run.asset_selection if key.path[0] == RAW}
        elif run.job_name == JOB:
            active |= {spec.name for spec in specs}
    return active


def build_failure_sensor() -> dg.SensorDefinition:
    """Post each failed run to the webhook, when one is set."""

    @dg.run_failure_sensor(
        name="failed_runs",
        description="Posts each failed run as JSON to LAKEHOUSE_WEBHOOK_URL, when that is set.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=True,
    )
    def failed_runs(
        context: dg.RunFailureSensorContext, lake: LakeResource
    ) -> dg.SkipReason | None:
        run = context.dagster_run
        payload = {
            "text": f"Run {run.run_id} of {run.job_name} failed: {context.failure_event.message}",
            "run_id": run.run_id,
            "job": run.job_name,
            "steps": [
                {"step": event.step_key, "error": root_cause(event.step_failure_data.error)}
                for event in context.get_step_failure_events()
            ],
        }
        posted = post(lake.settings, payload)
        return None if posted else dg.SkipReason("LAKEHOUSE_WEBHOOK_URL is not set")

    return failed_runs


def build_automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluate the automation conditions; Dagster creates its own sensor in the stopped state."""
    return dg.AutomationConditionSensorDefinition(
        name="automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=INTERVAL_SECONDS,
    )
