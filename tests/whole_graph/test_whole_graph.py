"""The whole graph, through the commands that a person types and the buttons of the UI."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.lake import Lake
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import expected_counts, load_world
from tests.whole_graph.guides import MADE_BY_READER, queries, ready_queries
from tests.whole_graph.project import Project
from tests.whole_graph.ui import running_ui, wait_for

pytestmark = pytest.mark.slow


def test_the_guides_have_queries_and_use_every_name_listed_as_made_by_the_reader() -> None:
    found = queries()
    assert len(found) >= 7
    assert all(any(name in query for _, query in found) for name in MADE_BY_READER)


@pytest.mark.parametrize(("guide", "query"), ready_queries())
def test_a_query_of_the_guides_works_after_the_first_run(
    project: Project, guide: str, query: str
) -> None:
    answer = project.command("sql", query)
    assert answer.returncode == 0, f"{guide}: {answer.stderr}"


def test_every_row_of_the_world_is_accounted_for(project: Project) -> None:
    expected = expected_counts(world_folder(project.settings))
    with Lake(project.settings, read_only=True) as lake, lake.reader() as cursor:
        rejected = dict(
            cursor.execute(
                "SELECT CASE WHEN reason LIKE 'malformed%' THEN 'malformed' "
                "WHEN reason LIKE 'required%' THEN 'null_field' ELSE 'wrong_type' END, count(*) "
                "FROM quarantine.rows WHERE source = 'transactions' GROUP BY ALL"
            ).fetchall()
        )
        assert lake.rows("raw.transactions") == expected["loaded"]
        assert lake.rows("core.fct_transactions") == expected["transactions"]
        assert lake.rows("raw.chargebacks") == expected["chargebacks"]
        assert lake.rows("features.terminal_risk") == expected["transactions"]
        current = "SELECT count(*) FROM core.dim_customers WHERE is_current"
        assert cursor.execute(current).fetchone() == (expected["customers"],)
    for kind in ("malformed", "null_field", "wrong_type"):
        assert rejected.get(kind, 0) == expected[f"rejected_{kind}"]


def test_running_again_changes_nothing_and_makes_no_snapshot(project: Project) -> None:
    before, content = project.snapshot(), project.content()
    again = project.command("run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert project.snapshot() == before
    assert project.content() == content


def test_status_shows_every_asset_and_champion(project: Project) -> None:
    answer = project.command("status", "--json")
    assert answer.returncode == 0, answer.stderr
    status = json.loads(answer.stdout)
    assert all(asset["materialized_at"] for asset in status["assets"])
    assert not [asset["error"] for asset in status["assets"] if asset["error"]]
    ages = {asset["asset"]: asset["data_age_hours"] for asset in status["assets"]}
    end = load_world(world_folder(project.settings)).last_day + timedelta(days=1)
    age = datetime.now(UTC) - datetime(end.year, end.month, end.day, tzinfo=UTC)
    assert abs(ages["core/fct_transactions"] - age.total_seconds() / 3600) < 0.5
    assert all(model["version"] and model["metrics"] for model in status["models"])


def test_sql_reads_and_never_writes(project: Project) -> None:
    answer = project.command("sql", "select count(*) as n from core.fct_transactions", "--csv")
    expected = expected_counts(world_folder(project.settings))["transactions"]
    assert answer.stdout.split() == ["n", str(expected)]
    denied = project.command("sql", "delete from core.fct_transactions")
    assert denied.returncode == 1
    assert denied.stderr.startswith("error: ")
    assert "DELETE is refused" in denied.stderr
    assert "Traceback" not in denied.stderr


def test_an_empty_selection_and_an_invalid_day_are_clear_errors(project: Project) -> None:
    for arguments, message in (
        (("run", "--select", "raw/nothing"), "matches no asset"),
        (("run", "--since", "yesterday"), "does not match the format"),
        (("simulate", "--customers", "5"), "only a new world takes --customers"),
    ):
        answer = project.command(*arguments)
        assert answer.returncode != 0
        assert message in answer.stderr
        assert "Traceback" not in answer.stderr


def test_redoing_days_gives_the_same_rows(project: Project) -> None:
    content = project.content()
    day = load_world(world_folder(project.settings)).last_day - timedelta(days=20)
    again = project.command("run", "--since", str(day), "--until", str(day + timedelta(days=1)))
    assert again.returncode == 0, again.stdout + again.stderr
    changed = {name for name, rows in project.content().items() if rows != content[name]}
    # scores depend on their version's history, and a finding on the rows of its own look
    expected_changes = {"monitoring.findings"} | {
        name for name in changed if name.startswith("predictions.")
    }
    assert changed - expected_changes == set()


def test_materialize_all_in_the_ui_changes_nothing_and_sensors_load_new_data(
    project: Project,
) -> None:
    before, content = project.snapshot(), project.content()
    with running_ui(project.settings.data_dir) as ui:
        earlier_runs = {run["runId"] for run in ui.runs()}  # of other tests, with killed ones
        groups = {node["groupName"] for node in ui.assets()}
        layers = ("landing", "raw", "staging", "core", "features", "models", "predictions")
        assert groups >= {f"payments_{layer}" for layer in layers}
        assert ui.wait_for_run(ui.materialize_all(), 600) == "SUCCESS"
        assert project.snapshot() == before
        assert project.content() == content

        def rows() -> int:
            with Lake(project.settings, read_only=True) as lake:
                return lake.rows("predictions.fraud_detector")

        scored = rows()
        moved = project.command("simulate", "--days", "1")
        assert moved.returncode == 0, moved.stderr
        wait_for(lambda: rows() > scored, 600)
        assert not ui.failures(earlier_runs)
        # the sensor may see a day that is half written, and request its sources in two runs
        refreshed = [
            source
            for run in ui.runs()
            for tag in run["tags"]
            if run["runId"] not in earlier_runs and tag["key"] == "lakehouse/sources"
            for source in tag["value"].split(",")
        ]
        assert "transactions" in refreshed
        assert len(refreshed) == len({*refreshed}), "the same data were requested twice"
        wait_for(lambda: not ui.unsynced() and not ui.checks_without_result(), 600)
    expected = expected_counts(world_folder(project.settings))
    with Lake(project.settings, read_only=True) as lake:
        assert lake.rows("core.fct_transactions") == expected["transactions"]
