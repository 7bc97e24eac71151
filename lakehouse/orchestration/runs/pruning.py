"""Prune the history of runs: delete old runs with all their files.

The last runs of assets and checks stay, however old: freshness, "unsynced" and automation depend on
them. Dagster's own `retention` deletes ticks of sensors and schedules, but no runs.
"""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from lakehouse.orchestration.runs.history import EventLog
from lakehouse.orchestration.runs.launcher import live_runs
from lakehouse.settings import Settings

MAX_FREE_SHARE = 0.2
"""Share of free pages up to which a database stays unchanged."""
KEEP_EVALUATIONS = timedelta(days=2)
"""How long automation evaluations are kept: 50 KB for each asset and evaluation."""
_STRAY_AFTER = timedelta(days=1)


def prune_runs(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> int:
    """Delete the finished runs beyond `settings.keep_runs` and `keep_run_days`.

    A run is deleted when it is too old, or when enough newer ones exist. Returns how many were
    deleted. A history outside the project's own files stays unchanged.
    """
    log = instance.event_log_storage
    if not isinstance(log, EventLog):
        return 0
    home = log.index_file.parents[2]
    oldest = now - timedelta(days=settings.keep_run_days)
    needed = log.last_runs()
    records = instance.get_run_records()  # the newest first
    due = [
        record.dagster_run.run_id
        for position, record in enumerate(records)
        if record.dagster_run.is_finished
        and (position >= settings.keep_runs or _utc(record.create_timestamp) < oldest)
        and record.dagster_run.run_id not in needed
    ]
    for run_id in due:
        instance.delete_run(run_id)
        _delete_files(instance, settings, run_id)
    strays = _strays(log, {record.dagster_run.run_id for record in records}, now)
    for run_id in strays:
        log.delete_events(run_id)
    if storage := instance.schedule_storage:
        storage.purge_asset_evaluations((now - KEEP_EVALUATIONS).timestamp())
    _vacuum(home / "history" / "runs.db", log.index_file, home / "schedules" / "schedules.db")
    return len(due)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _delete_files(instance: dg.DagsterInstance, settings: Settings, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    (settings.data_dir / "logs" / f"run-{run_id}.log").unlink(missing_ok=True)
    for folder in (settings.data_dir / "dbt" / "target" / "runs").glob(f"*-{run_id[:8]}"):
        shutil.rmtree(folder)
    if locks := live_runs(instance):
        locks.forget(run_id)


def _strays(log: EventLog, known: set[str], now: datetime) -> list[str]:
    """Runs with a database but without a history entry: only the entry was deleted."""
    return [
        run_id
        for run_id in log.get_all_run_ids()
        if run_id not in known
        and not run_id.startswith(".")  # not a run: events that people report
        and now - datetime.fromtimestamp(Path(log.path_for_shard(run_id)).stat().st_mtime, UTC)
        > _STRAY_AFTER
    ]


def _vacuum(*files: Path) -> None:
    """Return free pages to the file system if there are many; SQLite keeps deleted space."""
    for file in files:
        with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
            free, pages = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("freelist_count", "page_count")
            )
            if free > pages * MAX_FREE_SHARE:
                connection.execute("VACUUM")
