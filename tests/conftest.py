"""What every test may use: settings of a folder of its own, and a lake in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from lakehouse.lake import Lake
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.settings import Settings, load_settings

# how long an example takes says more about the machine than about us
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest chain of tests first, so that the others run beside it and not before it."""
    items.sort(key=lambda item: "whole_graph" not in item.path.parts)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, data_dir=tmp_path / "data", lock_timeout=30)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake(settings) as lake:
        yield lake


@pytest.fixture(scope="session")
def new_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes data folders in which the dbt project is parsed already, as it costs some seconds."""
    first = load_settings({}, data_dir=tmp_path_factory.mktemp("parsed"))

    def make() -> Path:
        folder = tmp_path_factory.mktemp("data")
        parsed = DbtProjectFiles(first).manifest_path().parent
        shutil.copytree(parsed, DbtProjectFiles(load_settings({}, data_dir=folder)).target)
        return folder

    return make
