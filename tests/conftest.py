"""Fixtures for all tests: settings with a separate folder, and a lake in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from lakehouse.lake import Lake
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.settings import Settings, load_settings

# the run time of an example depends on the machine more than on our code
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest chains of tests first, so that no process works alone at the end.

    These are the simulations that share many worlds, and the tests of the whole graph.
    """
    first = ["test_probabilities.py", "whole_graph", "test_intervals.py"]
    items.sort(
        key=lambda item: next((n for n, name in enumerate(first) if name in item.path.parts), 9)
    )


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """One thread for each lake, also in commands: on small data a second one doubles CPU time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakehouse.settings.count_cores", lambda: 1)
        patch.setenv("LAKEHOUSE_THREADS", "1")
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, data_dir=tmp_path / "data", lock_timeout=30)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake(settings) as lake:
        yield lake


@pytest.fixture(scope="session")
def new_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Create data folders with an already parsed dbt project, because parsing takes seconds."""
    first = load_settings({}, data_dir=tmp_path_factory.mktemp("parsed"))

    def make() -> Path:
        folder = tmp_path_factory.mktemp("data")
        parsed = DbtProjectFiles(first).manifest_path().parent
        shutil.copytree(parsed, DbtProjectFiles(load_settings({}, data_dir=folder)).target)
        return folder

    return make
