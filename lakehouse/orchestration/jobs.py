"""Jobs and schedules: the whole graph, reprocessing of chosen days, and daily maintenance.

`reprocess_days` is a job of one op, not an asset job: our assets have no partitions, and the UI
offers days only for an op job with partitions. Its op starts an ordinary run of the assets for its
day.
"""

from datetime import datetime
from typing import Any

import dagster as dg

from lakehouse.lake.layout import DERIVED, PREDICTIONS
from lakehouse.orchestration.maintenance_jobs import maintenance, verification
from lakehouse.orchestration.resources import Refresh
from lakehouse.orchestration.runs.in_process import JOB, StepFailed, run_assets
from lakehouse.orchestration.runs.launcher import live_runs
from lakehouse.settings import load_settings

FIRST_DAY = "2018-01-01"
"""The first day that `reprocess_days` offers."""
REPROCESSED_LAYERS = (*DERIVED, PREDICTIONS)
"""The layers whose rows `reprocess_days` replaces."""


@dg.daily_partitioned_config(start_date=FIRST_DAY)
def _config_of_day(start: datetime, end: datetime) -> dict[str, Any]:
    day = f"{start:%Y-%m-%d}"
    return {"resources": {"refresh": {"config": {"since": day, "until": day}}}}


@dg.op(description="Run the assets for the chosen days; their events are in that run's log.")
def redo_days(context: dg.OpExecutionContext, refresh: Refresh) -> None:
    """Redo the days of `refresh` in a separate run, which waits for its turn like any other."""
    from lakehouse.orchestration.build import build_definitions  # circular: it builds this job, too

    if locks := live_runs(context.instance):
        locks.enter(context.run_id)  # this run does not use the lake, and takes no turn
    settings = load_settings()
    summary = run_assets(
        build_definitions(settings),
        settings,
        select=[f"{layer}/*" for layer in REPROCESSED_LAYERS],
        refresh=refresh,
        started_by=f"reprocess_days {context.run_id[:8]}",
        on_event=lambda event: (
            context.log.error(f"{event.step}: {event.error}")
            if isinstance(event, StepFailed)
            else None
        ),
    )
    context.add_output_metadata({"run": dg.MetadataValue.dagster_run(summary.run_id)})
    if summary.failed:
        left = f"; not updated: {', '.join(summary.not_updated)}" if summary.not_updated else ""
        raise dg.Failure(f"run {summary.run_id} failed{left}", allow_retries=False)


@dg.job(
    config=_config_of_day,
    executor_def=dg.in_process_executor,
    description="Redo chosen days, replacing rows by key (Partitions, Launch backfill).",
)
def reprocess_days() -> None:
    """One day for each run."""
    redo_days()


def build_jobs() -> dg.Definitions:
    """All jobs, and the schedules that are on by default."""
    everything = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="Bring every asset up to date: extract, load, transform, train, score.",
    )
    return dg.Definitions(
        jobs=[everything, reprocess_days, maintenance, verification],
        schedules=[
            dg.ScheduleDefinition(
                name="daily_refresh",
                job_name=JOB,
                cron_schedule="30 3 * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="Refreshes every asset each night, in case a sensor missed a change.",
            ),
            dg.ScheduleDefinition(
                name="daily_maintenance",
                job=maintenance,
                cron_schedule="30 4 * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            ),
            *(
                dg.ScheduleDefinition(
                    name=name,
                    job=verification,
                    cron_schedule=cron,
                    run_config={"ops": {"verify_files": {"config": {"full": full}}}},
                    default_status=dg.DefaultScheduleStatus.RUNNING,
                )
                for name, cron, full in (
                    ("daily_verification", "0 5 * * 1-6", False),
                    ("weekly_verification", "0 5 * * 0", True),
                )
            ),
        ],
    )
