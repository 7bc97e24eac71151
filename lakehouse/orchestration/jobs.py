"""Jobs and schedules: the whole graph, chosen days again, and the daily housekeeping."""

from datetime import datetime
from typing import Any

import dagster as dg

from lakehouse.orchestration.housekeeping import maintenance, verification
from lakehouse.orchestration.run import JOB

FIRST_DAY = "2018-01-01"
"""The first day that `reprocess_days` offers."""


@dg.daily_partitioned_config(start_date=FIRST_DAY)
def _one_day(start: datetime, end: datetime) -> dict[str, Any]:
    day = f"{start:%Y-%m-%d}"
    return {"resources": {"refresh": {"config": {"since": day, "until": day}}}}


def build_jobs() -> dg.Definitions:
    """All jobs, and the schedules that are on by default."""
    everything = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        description="Bring every asset up to date: extract, load, transform, train, score.",
    )
    reprocess_days = dg.define_asset_job(
        "reprocess_days",
        selection=dg.AssetSelection.groups(
            "staging", "core", "reporting", "features", "predictions"
        ),
        config=_one_day,
        description="Redo chosen days, replacing rows by key; choose them on the backfill page.",
    )
    return dg.Definitions(
        jobs=[everything, reprocess_days, maintenance, verification],
        schedules=[
            dg.ScheduleDefinition(
                name="daily_refresh",
                job_name=JOB,
                cron_schedule="30 3 * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="A full round each night, for sources that nobody watches.",
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
