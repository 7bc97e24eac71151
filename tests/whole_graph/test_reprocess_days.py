"""Chosen days redone through the job's partitions: in process, and from the UI's backfill page."""

from datetime import date, timedelta

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import load_world
from tests.whole_graph.project import Project
from tests.whole_graph.ui import LOCATION, Ui, running_ui, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:AssetExecutionContext.run_id is deprecated"),
]
JOB = "reprocess_days"


def day_before_end(project: Project, days: int) -> date:
    return load_world(world_folder(project.settings)).last_day - timedelta(days=days)


def unchanged(project: Project, before: dict[str, str]) -> bool:
    """All rows are unchanged; of predictions only the number, as they contain their time."""
    after = project.content()
    counted = {name: rows.split(",")[0] for name, rows in before.items()}
    assert counted == {name: rows.split(",")[0] for name, rows in after.items()}
    moved = {name for name in after if after[name] != before[name]}
    return all(name.startswith("predictions.") for name in moved)


def test_a_partition_of_the_job_gives_the_same_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakehouse.definitions import defs

    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(project.settings.data_dir))
    day, before, snapshot = day_before_end(project, 20), project.content(), project.snapshot()
    with open_instance(project.settings) as instance:
        job = defs().resolve_job_def(JOB)
        result = job.execute_in_process(instance=instance, partition_key=str(day))
    assert result.success
    assert project.snapshot() > snapshot, "nothing was redone"
    assert unchanged(project, before)


def test_a_tampered_day_is_restored_and_an_earlier_one_is_left_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that only the partition's day is redone."""
    from lakehouse.definitions import defs

    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(project.settings.data_dir))
    day = day_before_end(project, 20)
    table = "core.fct_transactions"

    def tampered(lake: Lake) -> set[date]:
        with lake.reader() as cursor:
            days = f"SELECT DISTINCT event_time::DATE FROM {table} WHERE channel = 'tampered'"
            return {found for (found,) in cursor.execute(days).fetchall()}

    def tamper(lake: Lake, *days: date) -> None:
        with lake.writer(Author("test")) as writer:
            for number in days:
                writer.execute(
                    f"UPDATE lake.{table} SET channel = 'tampered' WHERE event_time::DATE = ?",
                    [number],
                )

    before = project.content()
    earlier = day - timedelta(days=40)
    with Lake(project.settings) as lake:
        tamper(lake, day, earlier)
        assert tampered(lake) == {day, earlier}
    for number, left in ((day, {earlier}), (earlier, set())):
        with open_instance(project.settings) as instance:
            job = defs().resolve_job_def(JOB)
            assert job.execute_in_process(instance=instance, partition_key=str(number)).success
        with Lake(project.settings) as lake:
            assert tampered(lake) == left
    assert unchanged(project, before)


def test_the_backfill_page_redoes_chosen_days(project: Project) -> None:
    days = [str(day_before_end(project, number)) for number in (31, 30)]
    before = project.content()
    with running_ui(project.settings.data_dir) as ui:
        backfill = launch_backfill(ui, days)

        def ended() -> str | None:
            status: str = ui.query(_BACKFILL, id=backfill)["partitionBackfillOrError"]["status"]
            return status if status not in ("REQUESTED", "CANCELING") else None

        assert wait_for(ended, 600) == "COMPLETED_SUCCESS"
        redone = {
            tag["value"]
            for run in ui.runs()
            for tag in run["tags"]
            if run["jobName"] == JOB and tag["key"] == "dagster/partition"
        }
        assert redone >= set(days)
    assert unchanged(project, before)


def launch_backfill(ui: Ui, days: list[str]) -> str:
    """Do what the page's button does and return the id of the backfill."""
    chosen = {"repositorySelector": LOCATION, "partitionSetName": f"{JOB}_partition_set"}
    params = {"selector": chosen, "partitionNames": days}
    launched = ui.query(_LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill: str = launched["backfillId"]
    return backfill


_LAUNCH = """mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionSetNotFoundError { message }
    ... on PartitionKeysNotFoundError { message }
  }
}"""
_BACKFILL = """query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status }
    ... on PythonError { message }
  }
}"""
