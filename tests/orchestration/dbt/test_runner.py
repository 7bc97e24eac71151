"""dbt inside this process leaves nothing behind: no lock, no open lake, no half result."""

import json
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from lakehouse.lake import Author, Lake, LakeBusy, is_retryable, lock_path
from lakehouse.orchestration.dbt.project import DbtProjectError, DbtProjectFiles
from lakehouse.orchestration.dbt.runner import DbtFailed, run_dbt
from lakehouse.orchestration.dbt.session import INTERRUPT_PAUSE, WritingSession
from lakehouse.settings import Settings, load_settings
from tests.project import PROJECT

SLOW = pytest.mark.slow
MODELS = {
    "a": "select {{ var('n', 1) }} as n",
    "bad": "select error('no such luck') as n",
    "away": "select error('server closed the connection unexpectedly') as n",
    "slow": "-- {{ ref('a') }}\nselect count(*) as n from range(1000000000000) where range % 7 = 3",
    "grown": "{{ config(materialized='incremental', on_schema_change='fail') }}"
    "select {{ var('columns', '1 as n') }}",
    "z": "-- {{ ref('a') }}\nselect 1 as n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that work, one that fails, one that takes an hour."""
    folder = tmp_path_factory.mktemp("dbt")
    models = folder / "models"
    models.mkdir()
    for name, sql in MODELS.items():
        (models / f"{name}.sql").write_text(sql)
    tests = folder / "tests"
    tests.mkdir()
    (tests / "timeout_is_one.sql").write_text("select 'timed out' as why")
    shutil.copy(PROJECT.root / "dbt_project" / "profiles.yml", folder)
    (folder / "dbt_project.yml").write_text(
        json.dumps({"name": "small", "profile": "lakehouse", "models": {"+materialized": "table"}})
    )
    return folder


@pytest.fixture(scope="module")
def new_files(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], DbtProjectFiles]:
    """The project with a separate lake; parsed once."""
    first = DbtProjectFiles(
        load_settings({}, data_dir=tmp_path_factory.mktemp("data"), dbt_dir=project)
    )

    def make() -> DbtProjectFiles:
        settings = load_settings(
            {}, data_dir=tmp_path_factory.mktemp("data"), dbt_dir=project, lock_timeout=1
        )
        shutil.copytree(first.manifest_path().parent, DbtProjectFiles(settings).target)
        return DbtProjectFiles(settings)

    return make


def build(files: DbtProjectFiles, *models: str, **variables: object) -> Any:
    return run_dbt(files, ["build", "--select", *models], variables, files.target / "runs" / "x")


def values(settings: Settings, table: str) -> list[tuple[Any, ...]]:
    """The table's rows, read by a client that then writes: no lock remains."""
    with Lake(settings) as lake:
        with lake.writer(Author("test")) as cursor:
            cursor.execute("CREATE OR REPLACE TABLE ops.next AS SELECT 1")
            return cursor.execute(f"FROM {table}").fetchall()


@pytest.mark.slow
def test_each_result_is_dbts_own_object_and_the_lake_is_unlocked_afterwards(
    new_files: Callable[[], DbtProjectFiles],
) -> None:
    one, other = new_files(), new_files()
    results = list(build(one, "a"))
    assert [r["data"]["node_info"]["unique_id"] for r in results] == ["model.small.a"]
    assert values(one.settings, "core.a") == [(1,)]
    list(build(other, "a"))
    list(build(one, "a", n=2))
    assert values(one.settings, "core.a") == [(2,)]
    assert values(other.settings, "core.a") == [(1,)]


@pytest.mark.slow
def test_a_failed_model_is_named_with_its_cause_and_the_others_are_built(
    new_files: Callable[[], DbtProjectFiles],
) -> None:
    files = new_files()
    with pytest.raises(DbtFailed, match=r"no such luck[\s\S]*dbt\.log"):
        list(build(files, "a", "bad"))
    assert values(files.settings, "core.a") == [(1,)]


@pytest.mark.slow
def test_a_table_of_other_columns_is_refused_with_the_command_that_rebuilds_it(
    new_files: Callable[[], DbtProjectFiles],
) -> None:
    files = new_files()
    list(build(files, "grown"))
    with pytest.raises(DbtFailed, match=r"--full-refresh --select core/grown\+`"):
        list(build(files, "grown", columns="1 as n, 2 as m"))


@pytest.mark.parametrize(
    ("models", "passes"),
    [
        (["away"], True),
        (["away", "a"], True),
        (["away", "bad"], False),
        (["timeout_is_one"], False),
    ],
)
def test_only_a_build_with_transient_failures_alone_is_retryable(
    new_files: Callable[[], DbtProjectFiles], models: list[str], passes: bool
) -> None:
    files = new_files()
    with pytest.raises(DbtFailed) as raised:
        list(build(files, *models))
    assert is_retryable(raised.value) is passes, str(raised.value)


@pytest.mark.parametrize(
    "pause", [0.5, 0.0, *(pytest.param(n / 50, marks=SLOW) for n in range(25))]
)
def test_stopping_in_the_middle_ends_the_query_and_begins_no_other(
    new_files: Callable[[], DbtProjectFiles], pause: float
) -> None:
    files = new_files()
    results = build(files, "a", "slow", "z")
    next(results)
    time.sleep(pause)  # after half a second, the long query is running
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 20
    assert values(files.settings, "core.a") == [(1,)]
    with Lake(files.settings) as lake:
        assert not lake.exists("core.slow")
        assert not lake.exists("core.z")


def test_a_query_that_begins_after_the_stop_is_interrupted_as_well(
    new_files: Callable[[], DbtProjectFiles],
) -> None:
    """An interrupt of a connection without a query has no effect on its next query."""
    session = WritingSession(new_files().settings)
    with duckdb.connect() as connection, ThreadPoolExecutor(1) as thread:
        session.opened(connection)
        begin = threading.Event()

        def work() -> None:
            begin.wait()
            connection.execute(MODELS["slow"])

        running = thread.submit(work)
        session.stop(running)
        time.sleep(3 * INTERRUPT_PAUSE)
        begin.set()
        try:
            with pytest.raises(duckdb.InterruptException):
                running.result(timeout=20)
        finally:
            connection.interrupt()


@pytest.mark.slow
def test_a_signal_ends_the_wait_for_the_lock(new_files: Callable[[], DbtProjectFiles]) -> None:
    class Stopped(Exception):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stopped

    files = new_files()
    patient = files.settings.model_copy(update={"lock_timeout": 600.0})
    lock_path(patient).parent.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGALRM, stop)
    try:
        with FileLock(lock_path(patient)), pytest.raises(Stopped):
            signal.setitimer(signal.ITIMER_REAL, 5)  # dbt is imported by then, or waits later
            list(build(DbtProjectFiles(patient), "a"))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_build_waits_for_another_writer_and_then_names_it(
    new_files: Callable[[], DbtProjectFiles],
) -> None:
    files = new_files()
    lock_path(files.settings).parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock_path(files.settings)), pytest.raises(LakeBusy, match="dbt"):
        list(build(files, "a"))


@pytest.mark.slow
def test_a_project_that_cannot_be_parsed_fails_with_the_location(
    project: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "dbt"
    shutil.copytree(project, broken)
    (broken / "models" / "b.sql").write_text("select * from {{ ref('nowhere') }}")
    settings = load_settings({}, data_dir=tmp_path / "data", dbt_dir=broken)
    with pytest.raises(DbtProjectError, match=r"models/b\.sql[\s\S]*nowhere"):
        DbtProjectFiles(settings).manifest_path()


def test_dbt_adds_no_handler_to_the_root_logger(
    new_files: Callable[[], DbtProjectFiles],
) -> None:
    list(build(new_files(), "a"))
    assert logging.StreamHandler not in map(type, logging.getLogger().handlers)
