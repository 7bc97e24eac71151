"""Start runs of this project, and detect killed ones.

Dagster's run monitoring asks the launcher whether a run's process is alive, and its own launcher
cannot tell: a killed run stayed "started" for ever and, as only one run executes at a time, blocked
all later ones. This launcher checks the lock that each run holds while it is alive.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, RunRecord
from dagster._serdes import ConfigurableClassData

from lakehouse.orchestration.runs.locks import LiveRuns

START_GRACE_SECONDS = 15
"""Seconds that a run may take after its start to lock its file."""
KILLED = (
    "its process ended without reporting a cause: it was killed, or the machine went down. What it "
    "committed remains; another run continues from there"
)
_UNFINISHED = [*IN_PROGRESS_RUN_STATUSES, dg.DagsterRunStatus.NOT_STARTED]


class LockedRunLauncher(DefaultRunLauncher):
    """Dagster's launcher of local processes, extended to detect whether a run is alive."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self.live_runs = LiveRuns(Path(base_dir))

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """The folder of the lock files."""
        return {"base_dir": str}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Create it from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True for runs of any origin: those of the command hold a lock too."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a started run is alive."""
        alive = self.live_runs.is_alive(run.run_id)
        if alive is None:
            record = self._instance.get_run_record_by_id(run.run_id)
            alive = record is not None and _just_started(record)
        if alive:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, KILLED)


def live_runs(instance: dg.DagsterInstance) -> LiveRuns | None:
    """The locks of this history's runs; None if the instance does not come from `dagster.yaml`."""
    launcher = instance.run_launcher if instance.is_persistent else None
    return launcher.live_runs if isinstance(launcher, LockedRunLauncher) else None


def end_killed_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose process is dead as failed; return their ids.

    The daemon does so every few seconds; this is for setups without a daemon. Queued runs wait for
    a daemon and are left alone.
    """
    locks = live_runs(instance)
    if locks is None:
        return []
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        run = record.dagster_run
        if locks.is_alive(run.run_id) or (
            locks.is_alive(run.run_id) is None and _may_still_start(record, instance)
        ):
            continue
        current = instance.get_run_by_id(run.run_id)
        if current is None or current.is_finished:
            continue  # it ended meanwhile: a run records its end before it releases its lock
        if current.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, f"The run was stopped; {KILLED}.")
        else:
            instance.report_run_failed(run, f"The run did not finish: {KILLED}.")
        ended.append(run.run_id)
    for run_id in locks.run_ids():
        ended_run = instance.get_run_by_id(run_id)
        if ended_run is not None and ended_run.is_finished:
            locks.forget(run_id)
    return ended


def _just_started(record: RunRecord) -> bool:
    return time.time() - (record.start_time or 0) < START_GRACE_SECONDS


def _may_still_start(record: RunRecord, instance: dg.DagsterInstance) -> bool:
    if record.start_time is not None:
        return _just_started(record)
    age = time.time() - record.create_timestamp.timestamp()
    return age < instance.run_monitoring_start_timeout_seconds
