"""Old runs are deleted with their files; the UI's view of the last runs does not change."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from lakehouse.orchestration.resources import Refresh
from lakehouse.orchestration.runs.in_process import run_assets
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.orchestration.runs.pruning import KEEP_EVALUATIONS, prune_runs
from lakehouse.orchestration.runs.status import read_status
from lakehouse.settings import Settings

NOW = datetime.now(UTC)
BROKEN = {"now": False}


@dg.asset(key=["raw", "seldom"], check_specs=[dg.AssetCheckSpec("full", asset=["raw", "seldom"])])
def seldom() -> Iterator[object]:
    yield dg.MaterializeResult(metadata={"dagster/row_count": 3, "text": "x" * 20_000})
    yield dg.AssetCheckResult(check_name="full", passed=False, description="too few")


@dg.asset(key=["core", "often"], deps=[seldom])
def often() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/row_count": 5, "text": "x" * 20_000})


@dg.asset(key=["core", "fails"], deps=[seldom])
def fails() -> None:
    if BROKEN["now"]:
        raise ValueError("it does")


@pytest.fixture
def definitions(home: Settings) -> dg.Definitions:
    return dg.Definitions(
        assets=[seldom, often, fails],
        jobs=[dg.define_asset_job("refresh")],
        resources={"refresh": Refresh()},
    )


def refresh(definitions: dg.Definitions, home: Settings, *assets: str) -> str:
    return run_assets(definitions, home, select=assets).run_id


def keeping(home: Settings, runs: int, days: int = 30) -> Settings:
    return home.model_copy(update={"keep_runs": runs, "keep_run_days": days})


def prune(settings: Settings, now: datetime = NOW) -> int:
    with open_instance(settings) as instance:
        return prune_runs(instance, settings, now)


def runs(home: Settings) -> list[str]:
    """All runs, the oldest first."""
    with open_instance(home) as instance:
        return [run.run_id for run in instance.get_runs()][::-1]


def shown(definitions: dg.Definitions, home: Settings) -> object:
    """The displayed state of assets: the command's status, and what the UI marks "unsynced"."""
    with open_instance(home) as instance:
        graph = definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        synced = {
            key: (resolver.get_status(key), resolver.get_stale_causes(key))
            for key in graph.materializable_asset_keys
        }
        records = {
            record.asset_entry.asset_key: (
                record.asset_entry.last_run_id,
                record.asset_entry.last_materialization_storage_id,
            )
            for record in instance.get_asset_records()
        }
    return read_status(definitions, home, None, NOW), synced, records


def files_of(home: Settings, run_id: str) -> list[Path]:
    return [path for path in home.data_dir.rglob("*") if run_id in path.name]


def size(home: Settings) -> int:
    return sum(path.stat().st_size for path in home.data_dir.rglob("*") if path.is_file())


@pytest.mark.slow
def test_pruning_keeps_the_last_runs_of_assets_and_checks(
    home: Settings, definitions: dg.Definitions
) -> None:
    first = refresh(definitions, home, "raw/seldom")
    BROKEN["now"] = True
    failed = refresh(definitions, home, "core/fails")
    BROKEN["now"] = False
    many = [refresh(definitions, home, "core/often") for _ in range(4)]
    before = shown(definitions, home)
    assert prune(keeping(home, runs=2)) == 2
    assert runs(home) == [first, failed, *many[2:]]
    assert shown(definitions, home) == before
    for run_id in many[:2]:
        assert files_of(home, run_id) == []
    for run_id in (first, failed, *many[2:]):
        assert len(files_of(home, run_id)) >= 3
    assert prune(keeping(home, runs=2)) == 0


@pytest.mark.slow
def test_a_run_that_is_too_old_is_deleted_even_if_there_are_few(
    home: Settings, definitions: dg.Definitions
) -> None:
    refresh(definitions, home, "core/often")
    last = refresh(definitions, home, "core/often")
    assert prune(keeping(home, runs=100, days=30), NOW + timedelta(days=29)) == 0
    assert prune(keeping(home, runs=100, days=30), NOW + timedelta(days=31)) == 1
    assert runs(home) == [last], "it is the last of its asset"


def test_an_unfinished_run_is_kept(home: Settings, definitions: dg.Definitions) -> None:
    with open_instance(home) as instance:
        instance.create_run_for_job(definitions.resolve_job_def("refresh"))
    assert prune(keeping(home, runs=1), NOW + timedelta(days=100)) == 0
    assert len(runs(home)) == 1


def test_a_deleted_run_leaves_no_database(home: Settings, definitions: dg.Definitions) -> None:
    run_id = refresh(definitions, home, "core/often")
    database = home.data_dir / "dagster" / "history" / "runs" / f"{run_id}.db"
    stray = database.with_name("11111111-1111-1111-1111-111111111111.db")
    stray.write_bytes(database.read_bytes())  # a database that its history did not delete
    with open_instance(home) as instance:
        instance.delete_run(run_id)
    assert not database.exists()
    assert prune(home) == 0
    assert stray.exists(), "its run may just be starting"
    assert prune(home, NOW + timedelta(days=2)) == 0
    assert not stray.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [16, 100])
def test_the_size_of_the_history_is_constant_over_many_small_runs(
    home: Settings, definitions: dg.Definitions, number: int
) -> None:
    refresh(definitions, home)
    sizes = []
    for _ in range(number):
        refresh(definitions, home, "core/often")
        prune(keeping(home, runs=4))
        sizes.append((len(runs(home)), size(home)))
    (_, early), (_, late) = sizes[7], sizes[-1]
    assert {count for count, _ in sizes[7:]} == {5}, "four, and the last one of the other assets"
    assert late < early * 1.02


def test_automation_evaluations_are_kept_for_two_days(home: Settings) -> None:
    table = "asset_daemon_asset_evaluations"
    with open_instance(home) as instance:
        assert instance.schedule_storage is not None
    file = home.data_dir / "dagster" / "schedules" / "schedules.db"
    with closing(sqlite3.connect(file)) as connection:
        for number, age in enumerate((KEEP_EVALUATIONS * 2, KEEP_EVALUATIONS / 2)):
            connection.execute(
                f"INSERT INTO {table} (evaluation_id, asset_key, asset_evaluation_body, "
                "num_requested, create_timestamp) VALUES (?, 'a', ?, 0, ?)",
                (number, "x" * 1_000_000, f"{NOW - age:%Y-%m-%d %H:%M:%S}"),
            )
        connection.commit()
        prune(home)
        assert connection.execute(f"SELECT evaluation_id FROM {table}").fetchall() == [(1,)]
    assert file.stat().st_size < 1_500_000
