"""A run killed while the daemon runs: it is retried, and automation goes on."""

import json
import os
import signal
from typing import Any

import pytest

from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import expected_counts
from tests.whole_graph.project import Project
from tests.whole_graph.ui import Ui, running_ui, wait_for

pytestmark = pytest.mark.slow
DETECTION_SECONDS = 60


def read_holder(project: Project) -> dict[str, Any]:
    """The run that has the turn, with its process; empty before the first run."""
    note = project.settings.data_dir / "run.holder"
    found: dict[str, Any] = json.loads(note.read_text()) if note.exists() else {}
    return found


def find_automation_run(ui: Ui, project: Project) -> dict[str, Any] | None:
    """The current run of the assets downstream of the sources."""
    holder = read_holder(project)
    started = {run["runId"]: run["jobName"] for run in ui.runs() if run["status"] == "STARTED"}
    return holder if started.get(holder.get("run_id", "")) == "__ASSET_JOB" else None


def test_a_killed_run_is_marked_as_failed_and_retried_and_automation_continues(
    project: Project,
) -> None:
    with running_ui(project.settings.data_dir) as ui:
        assert project.command("simulate", "--days", "1").returncode == 0
        killed = wait_for(lambda: find_automation_run(ui, project), 600)
        os.kill(killed["process"], signal.SIGKILL)
        assert ui.wait_for_run(killed["run_id"], DETECTION_SECONDS) == "FAILURE"

        def find_retries() -> list[dict[str, Any]]:
            parent = {"key": "dagster/parent_run_id", "value": killed["run_id"]}
            return [run for run in ui.runs() if parent in run["tags"]]

        (retry,) = wait_for(find_retries, 300)
        assert ui.wait_for_run(retry["runId"], 600) == "SUCCESS"
        wait_for(lambda: not ui.unsynced() and not ui.checks_without_result(), 600)
        assert project.command("simulate", "--days", "1").returncode == 0
        wait_for(lambda: not ui.unsynced() and _all_scored(project), 900)


def _all_scored(project: Project) -> bool:
    from lakehouse.lake import Lake

    expected = expected_counts(world_folder(project.settings))["transactions"]
    with Lake(project.settings, read_only=True) as lake:
        return lake.rows("core.fct_transactions") == expected
