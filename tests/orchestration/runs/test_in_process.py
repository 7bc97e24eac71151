"""A run from the command line reports what it did, what failed, and what it did not reach."""

import os
import signal
import time

import dagster as dg
import pytest

from lakehouse.errors import LakehouseError
from lakehouse.orchestration.resources import Refresh
from lakehouse.orchestration.runs.in_process import AssetDone, Event, StepFailed, run_assets
from lakehouse.settings import Settings


@dg.asset(key=["raw", "sound"])
def sound() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/row_count": 3, "rows_written": 0})


@dg.asset(key=["raw", "broken"])
def broken() -> None:
    raise LakehouseError("the disk is full; make room")


@dg.asset(key=["core", "behind"], deps=[sound, broken])
def behind() -> None: ...


@dg.asset(key=["core", "long"])
def long() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(600):
        time.sleep(0.1)


DEFINITIONS = dg.Definitions(
    assets=[sound, broken, behind, long],
    jobs=[dg.define_asset_job("refresh")],
    resources={"refresh": Refresh()},
)


def test_a_failed_step_is_reported_with_its_cause_and_downstream_assets_are_left(
    home: Settings,
) -> None:
    events: list[Event] = []
    summary = run_assets(
        DEFINITIONS, home, select=["raw/sound", "raw/broken+"], on_event=events.append
    )
    done = [(e.asset, e.rows, e.written, e.changed) for e in events if isinstance(e, AssetDone)]
    failed = [(e.step, e.error) for e in events if isinstance(e, StepFailed)]
    assert done == [("raw/sound", 3, 0, False)]
    assert failed == [("raw__broken", "the disk is full; make room")]
    assert summary.failed
    assert summary.not_updated == ["core/behind", "raw/broken"]


def test_only_selected_assets_count_as_left(home: Settings) -> None:
    summary = run_assets(DEFINITIONS, home, select=["raw/sound"])
    assert not summary.failed
    assert summary.not_updated == []
    with pytest.raises(LakehouseError, match="matches no asset"):
        run_assets(DEFINITIONS, home, select=["raw/nothing"])


def test_a_stopped_run_is_reported_as_stopped(home: Settings) -> None:
    summary = run_assets(DEFINITIONS, home, select=["core/long"])
    assert [(problem.step, problem.error) for problem in summary.problems] == [
        ("core__long", "was stopped before it was done; run it again")
    ]
    assert summary.not_updated == ["core/long"]
