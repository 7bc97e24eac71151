"""One small world, run once through the whole graph, for all tests of this folder."""

import pytest

from lakehouse.settings import load_settings
from tests.whole_graph.project import Project

DAYS, CUSTOMERS, TERMINALS = 90, 1_000, 1_500


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A world of 90 days, everything materialized by the command line."""
    project = Project(load_settings({}, data_dir=tmp_path_factory.mktemp("project")))
    made = project.command(
        *("simulate", "--days", str(DAYS)),
        *("--customers", str(CUSTOMERS), "--terminals", str(TERMINALS)),
    )
    assert made.returncode == 0, made.stderr
    run = project.command("run")
    assert run.returncode == 0, run.stdout + run.stderr
    return project
