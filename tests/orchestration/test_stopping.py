"""A stopped run ends soon, whatever a step is doing; it leaves no partial result and no lock."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import dagster as dg
import numpy as np
import pytest

from lakehouse.lake import Author, Lake
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.orchestration.runs.in_process import RunSummary, run_assets
from lakehouse.orchestration.stopping import stoppable
from lakehouse.settings import Settings, load_settings
from tests.orchestration.stopped_dbt import MODELS, SOURCES
from tests.project import PROJECT

ENDLESS = (
    "SELECT max(hash(a.range, b.range)) FROM range(2000000) a, range(200000) b WHERE a.range > ?"
)
"""A query that takes minutes; with a bound value, for which DuckDB loses signals."""
SOON = 20.0
"""Seconds within which a stopped run has ended, on a busy machine."""
MODEL_CONFIG = {"+materialized": "table", "+schema": "core"}
STOPPED = "was stopped before it was done; run it again"


def stop_soon(number: int = signal.SIGINT) -> None:
    """Send a signal to this process after a moment, like Ctrl-C."""
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()


def run(home: Settings, *assets: dg.AssetsDefinition) -> RunSummary:
    definitions = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("refresh")],
        resources={"refresh": Refresh(), "lake": LakeResource()},
    )
    started = time.monotonic()
    summary = run_assets(definitions, home)
    assert time.monotonic() - started < SOON
    assert [problem.error for problem in summary.problems] == [STOPPED]
    return summary


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_query_is_broken_off_and_no_other_step_begins(home: Settings, number: int) -> None:
    @dg.asset
    def asks(lake: LakeResource) -> None:
        with lake.lake.reader() as cursor:
            stop_soon(number)
            cursor.execute(ENDLESS, [1])

    @dg.asset(deps=[asks])
    def behind() -> None: ...

    @dg.asset
    def zero_and_last() -> None:
        raise AssertionError("it began")

    assert run(home, asks, behind, zero_and_last).not_updated == ["asks", "behind", "zero_and_last"]


def test_a_write_is_rolled_back_and_the_locks_are_free(home: Settings) -> None:
    @dg.asset
    def writes(lake: LakeResource) -> None:
        with lake.lake.writer(Author("writes")) as cursor:
            cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
            stop_soon()
            cursor.execute(ENDLESS, [1])

    run(home, writes)
    with Lake(home.model_copy(update={"lock_timeout": 1.0})) as lake:
        with lake.writer(Author("the next one")) as cursor:
            cursor.execute("CREATE TABLE raw.u AS SELECT 1 AS i")
        assert not lake.exists("raw.t")


def test_a_training_ends_between_two_trees(home: Settings) -> None:
    from lakehouse.models.library import import_lightgbm

    @dg.asset
    def trains() -> None:
        library, rows = import_lightgbm(), np.random.default_rng(1).random((20_000, 10))
        data = library.Dataset(rows, rows[:, 0] > 0.5)
        stop_soon()
        params = {"objective": "binary", "verbosity": -1, "num_threads": 1}
        library.train(params, data, num_boost_round=1_000_000)

    run(home, trains)


SCHEMAS = "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}"


@pytest.fixture(scope="module")
def dbt_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A parsed dbt project whose second model takes an hour."""
    folder = tmp_path_factory.mktemp("dbt")
    (folder / "models").mkdir()
    for name, sql in MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    (folder / "models" / "sources.yml").write_text(json.dumps(SOURCES))
    ours = PROJECT.root / "dbt_project"
    shutil.copy(ours / "profiles.yml", folder)
    (folder / "macros").mkdir()
    (folder / "macros" / "schemas.sql").write_text(SCHEMAS)
    project = {"name": "small", "profile": "lakehouse", "models": MODEL_CONFIG}
    (folder / "dbt_project.yml").write_text(json.dumps(project))
    settings = load_settings({}, data_dir=tmp_path_factory.mktemp("data"), dbt_dir=folder)
    DbtProjectFiles(settings).manifest_path()
    return settings


def test_an_interrupt_that_a_step_loses_is_raised_when_its_next_event_is_asked_for(
    home: Settings,
) -> None:
    ended: list[str] = []

    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("two")])
    @stoppable
    def loses() -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(asset_key="one")
        with suppress(BaseException):  # as a C import or a callback from C can
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(SOON)
        ended.append("lost")
        yield dg.MaterializeResult(asset_key="two")

    assert run(home, loses).not_updated == ["two"]
    assert ended == ["lost"]


def stop_dbt_after(home: Settings, seconds: float) -> dict[str, object]:
    """The outcome of a run whose dbt step received a signal that many seconds after it began."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.orchestration.stopped_dbt", str(seconds)],
        env={**os.environ, **home.environment()},
        cwd=PROJECT.root,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    outcome: dict[str, object] = json.loads(done.stdout)
    return outcome


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(tenths / 10, marks=[] if tenths == 10 else pytest.mark.slow)
        for tenths in range(0, 41, 2)
    ],
)
def test_a_dbt_step_is_stopped_whenever_the_signal_comes(
    dbt_home: Settings, seconds: float
) -> None:
    outcome = stop_dbt_after(dbt_home, seconds)
    assert outcome["errors"] == [STOPPED]
    assert outcome["took"] < SOON  # type: ignore[operator]
    assert not outcome["half"]
