"""Jobs and schedules: the whole graph, chosen days again, and the daily housekeeping."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from lakehouse.lake.maintenance import maintain
from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.orchestration.run import JOB

KEEP_LEFTOVERS = timedelta(days=7)
FIRST_DAY = "2018-01-01"
"""The first day that `reprocess_days` offers."""


@dg.daily_partitioned_config(start_date=FIRST_DAY)
def _one_day(start: datetime, end: datetime) -> dict[str, Any]:
    day = f"{start:%Y-%m-%d}"
    return {"resources": {"refresh": {"config": {"since": day, "until": day}}}}


@dg.op
def maintain_lake(context: dg.OpExecutionContext, lake: LakeResource, clock: Clock) -> None:
    """Merge small files, expire old snapshots, delete files that nobody sees."""
    done = maintain(lake.lake, now=clock.now())
    context.log.info(f"{done.before} -> {done.after}, {done.files_deleted} files deleted")
    context.add_output_metadata(
        {
            "snapshots": done.after.snapshots,
            "files": done.after.files,
            "bytes": done.after.bytes,
            "files_deleted": done.files_deleted,
        }
    )


@dg.op(ins={"after": dg.In(dg.Nothing)})
def prune_leftovers(context: dg.OpExecutionContext, lake: LakeResource, clock: Clock) -> None:
    """Delete what dbt and Dagster leave behind for each run."""
    data = lake.settings.data_dir
    limit = clock.now() - KEEP_LEFTOVERS
    places = (
        data / "dbt" / "target" / "runs",
        data / "dagster" / "compute_logs",
        data / "logs",
    )
    pruned = sum(prune_folder(place, limit) for place in places)
    context.log.info(f"{pruned} leftovers from before {limit:%Y-%m-%d} deleted")


def prune_folder(folder: Path, older_than: datetime) -> int:
    """Delete the entries of `folder` last changed before `older_than`; how many there were."""
    if not folder.exists():
        return 0
    old = [
        entry
        for entry in folder.iterdir()
        if datetime.fromtimestamp(entry.stat().st_mtime, UTC) < older_than
    ]
    for entry in old:
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return len(old)


@dg.job(description="Daily housekeeping of the lake and of what runs leave behind.")
def maintenance() -> None:
    """Housekeeping."""
    prune_leftovers(after=maintain_lake())


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
        jobs=[everything, reprocess_days, maintenance],
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
        ],
    )
