"""The whole graph with the catalog in PostgreSQL."""

from collections.abc import Iterator

import pytest

from lakehouse.lake import Lake
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import expected_counts
from tests.lake.server import running_server
from tests.whole_graph.conftest import CUSTOMERS, DAYS, END, TERMINALS
from tests.whole_graph.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture
def team(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        project = Project(server.settings(tmp_path_factory.mktemp("team")))
        monkeypatch.setenv("LAKEHOUSE_CATALOG", project.settings.catalog)
        yield project


def test_a_catalog_in_postgresql_needs_only_a_setting(team: Project) -> None:
    made = team.command(
        *("simulate", "--days", str(DAYS), "--end", END),
        *("--customers", str(CUSTOMERS), "--terminals", str(TERMINALS)),
    )
    assert made.returncode == 0, made.stderr
    run = team.command("run")
    assert run.returncode == 0, run.stdout + run.stderr
    assert not list(team.settings.data_dir.rglob("catalog.sqlite*")), "an embedded catalog was made"
    expected = expected_counts(world_folder(team.settings))
    with Lake(team.settings, read_only=True) as lake:
        assert lake.rows("raw.transactions") == expected["loaded"]
        assert lake.rows("core.fct_transactions") == expected["transactions"]
        assert lake.rows("predictions.fraud_detector") > 0
    before = team.snapshot()
    again = team.command("run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert team.snapshot() == before
