"""Steps run beside each other where the graph allows it, and all of them stop when the run does."""

import itertools
import os
import signal
import threading
import time

import dagster as dg
import pytest

from lakehouse.lake import Author, Lake
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.orchestration.runs.in_process import RunSummary, run_assets
from lakehouse.orchestration.runs.step_threads import step_threads
from lakehouse.settings import Settings

ENDLESS = "SELECT max(hash(a.range, b.range)) FROM range(2000000) a, range(200000) b"
"""A question that takes minutes."""
PATIENCE = 20.0
"""Seconds after which something that should have happened is taken for missing."""


def run(home: Settings, *assets: dg.AssetsDefinition, steps: int = 2) -> RunSummary:
    definitions = dg.Definitions(
        assets=assets,
        jobs=[dg.define_asset_job("refresh")],
        resources={"refresh": Refresh(), "lake": LakeResource()},
        executor=step_threads(steps),
    )
    return run_assets(definitions, home)


def stop_the_run() -> None:
    """As Ctrl-C does: to the process, whose main thread gets it."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def both() -> threading.Barrier:
    return threading.Barrier(2, timeout=PATIENCE)


def test_two_steps_that_need_nothing_of_each_other_run_at_the_same_time(
    home: Settings, both: threading.Barrier
) -> None:
    @dg.asset
    def one() -> None:
        both.wait()

    @dg.asset
    def two() -> None:
        both.wait()

    assert run(home, one, two).success


def test_a_step_waits_for_what_it_reads(home: Settings) -> None:
    done: list[str] = []

    @dg.asset
    def above() -> None:
        time.sleep(0.2)
        done.append("above")

    @dg.asset(deps=[above])
    def below() -> None:
        done.append("below")

    @dg.asset
    def beside() -> None: ...

    assert run(home, below, above, beside).success
    assert done == ["above", "below"]


def test_with_one_thread_no_step_begins_before_the_last_one_has_ended(home: Settings) -> None:
    inside = threading.Lock()

    def alone() -> None:
        assert inside.acquire(blocking=False)
        time.sleep(0.1)
        inside.release()

    @dg.asset
    def one() -> None:
        alone()

    @dg.asset
    def two() -> None:
        alone()

    assert run(home, one, two, steps=1).success


def test_a_step_that_fails_leaves_the_one_beside_it_alone(
    home: Settings, both: threading.Barrier
) -> None:
    @dg.asset
    def breaks() -> None:
        both.wait()
        raise ValueError("broken")

    @dg.asset
    def goes_on() -> None:
        both.wait()
        time.sleep(0.2)

    summary = run(home, breaks, goes_on)
    assert [done.asset for done in summary.assets] == ["goes_on"]
    assert [problem.error for problem in summary.problems] == ["broken"]


def test_a_step_that_asks_for_it_is_tried_again_after_its_wait(home: Settings) -> None:
    tries: list[float] = []

    @dg.asset
    def flaky() -> None:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise dg.RetryRequested(max_retries=5, seconds_to_wait=0.3)

    assert run(home, flaky).success
    assert len(tries) == 3
    assert all(later - earlier >= 0.3 for earlier, later in itertools.pairwise(tries))


def test_a_run_that_is_stopped_stops_every_step_and_begins_no_other(
    home: Settings, both: threading.Barrier
) -> None:
    ended: list[str] = []

    def work(name: str, *, stop: bool) -> None:
        both.wait()
        give_up = time.monotonic() + PATIENCE
        try:
            if stop:
                stop_the_run()
            while time.monotonic() < give_up:
                time.sleep(0.05)
            ended.append(f"{name} by itself")
        except BaseException:
            ended.append(name)
            raise

    @dg.asset
    def one() -> None:
        work("one", stop=True)

    @dg.asset
    def two() -> None:
        work("two", stop=False)

    @dg.asset
    def zero_and_last(_context: dg.AssetExecutionContext) -> None:
        ended.append("zero_and_last")

    summary = run(home, one, two, zero_and_last)
    assert sorted(ended) == ["one", "two"]
    assert not summary.success
    assert {problem.error for problem in summary.problems} == {
        "was stopped before it was done; run it again"
    }
    assert summary.left == ["one", "two", "zero_and_last"]


def test_a_question_to_the_lake_is_broken_off_when_the_run_is_stopped(home: Settings) -> None:
    asked: list[float] = []

    @dg.asset
    def asks(lake: LakeResource) -> None:
        with lake.lake.reader() as cursor:
            cursor.execute("SELECT 1")
            threading.Timer(0.3, stop_the_run).start()
            asked.append(time.monotonic())
            cursor.execute(ENDLESS)

    summary = run(home, asks)
    assert time.monotonic() - asked[0] < PATIENCE
    assert [problem.error for problem in summary.problems] == [
        "was stopped before it was done; run it again"
    ]


def test_a_write_that_is_broken_off_is_rolled_back_and_frees_the_lock(home: Settings) -> None:
    @dg.asset
    def writes(lake: LakeResource) -> None:
        with lake.lake.writer(Author("writes")) as cursor:
            cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
            threading.Timer(0.3, stop_the_run).start()
            cursor.execute(ENDLESS)

    summary = run(home, writes)
    assert not summary.success
    soon = home.model_copy(update={"lock_timeout": 1.0})
    with Lake(soon) as lake:
        with lake.writer(Author("the next one")) as cursor:
            cursor.execute("CREATE TABLE raw.u AS SELECT 1 AS i")
        assert not lake.exists("raw.t")


def test_steps_beside_each_other_have_lakes_of_their_own_which_share_the_memory(
    home: Settings, both: threading.Barrier
) -> None:
    seen: dict[str, tuple[int, int]] = {}

    def look(name: str, lake: LakeResource) -> None:
        both.wait()
        limit = "SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'"
        with lake.lake.reader() as cursor:
            assert cursor.execute(limit).fetchall() == [("1.8 GiB",)]
        seen[name] = (id(lake.lake), lake.settings.memory_bytes)
        both.wait()

    @dg.asset
    def one(lake: LakeResource) -> None:
        look("one", lake)

    @dg.asset
    def two(lake: LakeResource) -> None:
        look("two", lake)

    assert home.memory_limit == "4GB"
    assert run(home, one, two).success
    assert seen["one"][0] != seen["two"][0]
    assert seen["one"][1] == seen["two"][1] == 2 * 1000**3
