"""One small world, run once through the whole graph, shared by all tests of this folder."""

import pytest

from lakehouse.settings import load_settings
from tests.whole_graph.project import Project

DAYS, CUSTOMERS, TERMINALS = 130, 1_000, 1_500
END = "2026-11-01"
"""Fixed, so that every run of the tests meets the same world and the same models."""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A world of 130 days, everything materialized by the command line."""
    project = Project(load_settings({}, data_dir=tmp_path_factory.mktemp("project")))
    made = project.command(
        *("simulate", "--days", str(DAYS), "--end", END),
        *("--customers", str(CUSTOMERS), "--terminals", str(TERMINALS)),
    )
    assert made.returncode == 0, made.stderr
    run = project.command("run")
    assert run.returncode == 0, run.stdout + run.stderr
    return project
