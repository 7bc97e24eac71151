"""Two runs never work on one data folder at the same time, and a killed run is detected."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from lakehouse.orchestration.runs.in_process import run_assets
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.orchestration.runs.launcher import KILLED, LockedRunLauncher, end_killed_runs
from lakehouse.orchestration.runs.locks import LiveRuns, Turn, this_process
from lakehouse.orchestration.runs.status import read_status
from lakehouse.settings import Settings
from tests.orchestration.slow_run import definitions

PATIENCE = 60.0


@pytest.fixture
def start(home: Settings) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """Start a run of that many seconds in a separate process."""
    started: list[subprocess.Popen[str]] = []

    def begin(seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.orchestration.slow_run", str(seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def trace(home: Settings) -> list[tuple[float, str, int]]:
    file = home.data_dir / "trace"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(float(at), event, int(pid)) for at, event, pid in map(str.split, lines)]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def statuses(home: Settings) -> list[str]:
    """Statuses of all runs, the oldest first."""
    with open_instance(home) as instance:
        return [run.status.value for run in instance.get_runs()][::-1]


@pytest.mark.slow
def test_two_runs_take_turns_and_the_one_that_waits_names_the_other(
    home: Settings, start: Callable[[float], subprocess.Popen[str]]
) -> None:
    first = start(600)
    wait_for(lambda: trace(home))
    second = start(0)
    assert second.stdout is not None
    waiting = second.stdout.readline()
    (home.data_dir / "enough").touch()
    (output, _), (ended, _) = first.communicate(), second.communicate()
    run_id = output.split()[0]
    assert f"waiting for run {run_id[:8]} of refresh (started by lakehouse run at" in waiting
    assert f"process {first.pid}" in waiting
    assert output.split()[1] == ended.split()[1] == "True"
    order = [(event, pid) for _, event, pid in trace(home)]
    assert order == [
        (event, process.pid) for process in (first, second) for event in ("begin", "end")
    ]


@pytest.mark.slow
def test_the_next_run_marks_a_killed_run_as_failed_and_does_not_wait_for_it(
    home: Settings, start: Callable[[float], subprocess.Popen[str]]
) -> None:
    killed = start(600)
    wait_for(lambda: trace(home))
    assert statuses(home) == ["STARTED"]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert statuses(home) == ["STARTED"], "the kill cannot be detected yet"
    assert run_assets(definitions(home, 0), home).success
    assert statuses(home) == ["FAILURE", "SUCCESS"]
    with open_instance(home) as instance:
        (dead, _) = instance.get_runs()[::-1]
        entries = instance.all_logs(dead.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        assert [KILLED in entry.message for entry in entries] == [True]
        assert dead.tags["dagster/max_retries"] == "0", "a killed command must not be retried"
        launcher = instance.run_launcher
        assert isinstance(launcher, LockedRunLauncher)
        assert launcher.live_runs.run_ids() == [], "files of dead runs stay"


@pytest.mark.slow
def test_status_shows_the_cause_of_a_killed_run_and_the_assets_it_did_not_reach(
    home: Settings, start: Callable[[float], subprocess.Popen[str]]
) -> None:
    killed = start(600)
    wait_for(lambda: trace(home))
    killed.kill()
    killed.wait()
    found = read_status(definitions(home, 0), home, None, datetime.now(UTC))
    assert [(one.asset, one.failed_before) for one in found.assets] == [("raw/slow", "the run")]
    (step,) = found.failed_steps
    assert (step.step, KILLED in step.error) == ("the run", True)


@pytest.mark.slow
def test_active_and_queued_runs_are_left_alone(
    home: Settings, start: Callable[[float], subprocess.Popen[str]]
) -> None:
    start(600)
    wait_for(lambda: trace(home))
    with open_instance(home) as instance:
        (running,) = instance.get_runs()
        job = definitions(home, 0).resolve_job_def("refresh")
        for status in (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING):
            instance.create_run_for_job(
                job, status=status, remote_job_origin=running.remote_job_origin
            )
        assert end_killed_runs(instance) == []
        assert end_killed_runs(instance) == [], "the first call must not release the lock"
    assert statuses(home) == ["STARTED", "QUEUED", "STARTING"]


@pytest.mark.slow
def test_the_launcher_reports_whether_a_run_is_alive(
    home: Settings, start: Callable[[float], subprocess.Popen[str]]
) -> None:
    process = start(600)
    wait_for(lambda: trace(home))
    with open_instance(home) as instance:
        (run,) = instance.get_runs()
        assert instance.run_monitoring_enabled
        assert instance.run_launcher.supports_check_run_worker_health
        health = instance.run_launcher.check_run_worker_health
        assert health(run).status == WorkerStatus.RUNNING
        process.kill()
        process.wait()
        assert health(run).status == WorkerStatus.NOT_FOUND
        assert health(run).msg == KILLED


def test_a_run_that_just_started_and_has_no_lock_yet_counts_as_alive(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance(home) as instance:
        job = definitions(home, 0).resolve_job_def("refresh")
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTING)
        instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name), run.run_id
        )
        (run,) = instance.get_runs()
        health = instance.run_launcher.check_run_worker_health
        assert run.status == dg.DagsterRunStatus.STARTED
        assert health(run).status == WorkerStatus.RUNNING
        later = time.time() + 60
        monkeypatch.setattr("lakehouse.orchestration.runs.launcher.time.time", lambda: later)
        assert health(run).status == WorkerStatus.NOT_FOUND


def test_a_run_of_the_command_belongs_to_the_code_location_that_the_ui_lists(
    home: Settings,
) -> None:
    summary = run_assets(definitions(home, 0), home)
    label = {REPOSITORY_LABEL_TAG: "__repository__@lakehouse"}  # used by the job's page
    with open_instance(home) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="refresh", tags=label))
        assert run.run_id == summary.run_id
        assert run.remote_job_origin is not None
        assert run.remote_job_origin.location_name == "lakehouse"


def test_a_killed_run_is_retried_and_one_that_ended_with_an_error_is_not(
    home: Settings,
) -> None:
    job = definitions(home, 0).resolve_job_def("refresh")
    days = {"since": "2026-05-03", "until": "2026-05-01"}
    config = {"resources": {"refresh": {"config": days}}}
    with open_instance(home) as instance:
        failed = instance.create_run_for_job(job, run_config=config)
        for _ in execute_run_iterator(InMemoryJob(job), failed, instance):
            pass
        killed = instance.create_run_for_job(job)
        instance.report_run_failed(killed)
        again = {run.run_id: run.tags["dagster/will_retry"] for run in instance.get_runs()}
    assert again == {failed.run_id: "false", killed.run_id: "true"}


@pytest.mark.slow
def test_a_waiting_run_can_be_stopped(
    home: Settings, start: Callable[[float], subprocess.Popen[str]]
) -> None:
    start(600)
    wait_for(lambda: trace(home))
    second = start(0)
    assert second.stdout is not None
    assert second.stdout.readline().startswith("waiting for run")
    second.send_signal(signal.SIGINT)
    second.wait(PATIENCE)
    assert statuses(home)[1] == "FAILURE"
    assert len(trace(home)) == 1


def test_an_unreadable_note_about_the_holder_blocks_no_run(home: Settings) -> None:
    holder = this_process("1", "refresh", "a test")
    turn = Turn(home.data_dir, holder)
    assert turn.acquire()
    (home.data_dir / "run.holder").write_text("{")
    other = Turn(home.data_dir, holder)
    assert not other.acquire()
    assert other.holder() == "another run"
    turn.release()
    assert other.acquire()
    other.release()


def test_a_run_is_alive_until_it_leaves_or_its_process_ends(home: Settings) -> None:
    live = LiveRuns(home.data_dir / "live")
    assert live.is_alive("1") is None
    live.enter("1")
    live.enter("1")
    script = (
        "import sys, pathlib; from lakehouse.orchestration.runs.locks import LiveRuns; "
        "print(LiveRuns(pathlib.Path(sys.argv[1])).is_alive('1'))"
    )
    look = [sys.executable, "-c", script, str(home.data_dir / "live")]
    for _ in range(2):
        assert subprocess.check_output(look, text=True, env=os.environ).strip() == "True"
    live.forget("1")
    assert live.run_ids() == ["1"]
    live.leave("1")
    assert live.is_alive("1") is None
