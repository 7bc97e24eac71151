"""Drives Dagster's UI as its pages do: through GraphQL."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import requests

T = TypeVar("T")
LOCATION = {"repositoryLocationName": "lakehouse", "repositoryName": "__repository__"}


class Ui:
    """A running `lakehouse dev`."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        answer = requests.post(
            f"{self.address}/graphql", json={"query": text, "variables": variables}, timeout=300
        )
        content = answer.json()
        assert "errors" not in content, content["errors"]
        data: dict[str, Any] = content["data"]
        return data

    def assets(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = self.query(_ASSETS)["assetNodes"]
        return nodes

    def unsynced(self) -> list[str]:
        """The assets that the UI marks as unsynced, because one of their inputs is newer."""
        nodes = self.query(_STATES)["assetNodes"]
        return ["/".join(n["assetKey"]["path"]) for n in nodes if n["staleStatus"] != "FRESH"]

    def checks_without_result(self) -> list[str]:
        """Checks that did not run with the last materialization of their asset."""
        return [
            f"{'/'.join(node['assetKey']['path'])}: {check['name']}"
            for node in self.query(_STATES)["assetNodes"]
            for check in node["assetChecksOrError"].get("checks", [])
            if (check["executionForLatestMaterialization"] or {}).get("status")
            not in ("SUCCEEDED", "FAILED")
        ]

    def materialize_all(self) -> str:
        """Do what the button does and return the id of the run."""
        keys = [{"path": node["assetKey"]["path"]} for node in self.assets()]
        params = {
            "selector": {**LOCATION, "pipelineName": "__ASSET_JOB", "assetSelection": keys},
            "mode": "default",
            "runConfigData": {},
        }
        launched = self.query(_LAUNCH, params=params)["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id: str = launched["run"]["runId"]
        return run_id

    def runs(self) -> list[dict[str, Any]]:
        """Every run, the newest first."""
        found: list[dict[str, Any]] = self.query(_RUNS)["runsOrError"]["results"]
        return found

    def failures(self, known: set[str]) -> dict[str, str]:
        """The runs not in `known` that did not succeed, once none is active (or after 900 s)."""

        def new_runs() -> list[dict[str, Any]]:
            return [run for run in self.runs() if run["runId"] not in known]

        with suppress(TimeoutError):
            wait_for(lambda: all(run["status"] in _FINAL for run in new_runs()), 900)
        return {
            run["runId"]: f"{run['jobName']} {run['status']}: {self.errors(run['runId'])}"
            for run in new_runs()
            if run["status"] != "SUCCESS"
        }

    def errors(self, run_id: str) -> list[str]:
        """What the log of a run has as errors."""
        events = self.query(_ERRORS, id=run_id)["logsForRun"]["events"]
        return [event["message"] for event in events if event.get("level") in ("ERROR", "CRITICAL")]

    def wait_for_run(self, run_id: str, seconds: float) -> str:
        """The final status of a run."""

        def status() -> str | None:
            found: str = self.query(_RUN, id=run_id)["runOrError"]["status"]
            return found if found in _FINAL else None

        return wait_for(status, seconds)


def wait_for(condition: Callable[[], T | None], seconds: float) -> T:
    """The first result of `condition` that is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(1)
    raise TimeoutError(f"nothing within {seconds} s")


@contextmanager
def running_ui(data_dir: Path) -> Iterator[Ui]:
    """`lakehouse dev` on a free port, stopped at the end as by ctrl-c."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("lakehouse")), "dev", "--port", str(port)],
        # on a busy machine a tick of the daemon takes longer than the minute that Dagster allows it
        env={
            **os.environ,
            "LAKEHOUSE_DATA_DIR": str(data_dir),
            "LAKEHOUSE_THREADS": "0",
            "DAGSTER_GRPC_TIMEOUT_SECONDS": "600",
        },
        stdout=(data_dir / "dev.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    ui = Ui(port)
    try:
        wait_for(lambda: _answers(ui), 300)  # the other tests keep both cores busy
        yield ui
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


def _answers(ui: Ui) -> bool:
    try:
        return bool(ui.assets())
    except requests.RequestException:
        return False


_FINAL = ("SUCCESS", "FAILURE", "CANCELED")
_ASSETS = "query { assetNodes { assetKey { path } groupName } }"
_STATES = """query { assetNodes { assetKey { path } staleStatus assetChecksOrError {
  ... on AssetChecks { checks { name executionForLatestMaterialization { status } } }
} } }"""
_RUNS = """query {
  runsOrError(limit: 100) { ... on Runs { results { runId status jobName tags { key value } } } }
}"""
_ERRORS = """query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection {
  events { ... on MessageEvent { message level } }
} } }"""
_RUN = """query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""
_LAUNCH = """mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
