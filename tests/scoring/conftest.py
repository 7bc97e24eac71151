"""The payment lake of the training tests is used here as well."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.registry import Version, list_versions
from lakehouse.scoring import score
from lakehouse.settings import Settings, load_settings
from lakehouse.training import train
from tests.training.conftest import (
    World,
    detector,
    forecast,
    scenario,
    settings,
    sixty_days,
    spec_values,
    world,
)

TEST_FROM = 46
"""The day from which versions trained on the sixty days of the template were tested."""


def break_artefact(lake: Lake, version: Version) -> None:
    (lake.settings.models_dir / version.artefact / "model.txt").write_text("nonsense")


@dataclass(frozen=True)
class Ready:
    """A lake of sixty days with a champion that scored them, and a candidate; a copy per test."""

    lake: Lake
    world: World
    spec: ModelSpec
    other: Version


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a lake, made once, because training takes most of the tests' time."""
    folder = tmp_path_factory.mktemp("ready") / "data"
    with Lake(load_settings({}, data_dir=folder, threads=1)) as lake:
        World(lake).days(0, 60)
        spec = ModelSpec(**spec_values())
        train(spec, lake)
        score(spec, lake)
        manual = {"rule": "manual"}
        train(ModelSpec(**spec_values(seed=7, rounds=5, promotion=manual)), lake)
    return folder


@pytest.fixture
def ready(template: Path, settings: Settings, lake: Lake) -> Ready:
    shutil.copytree(template, settings.data_dir, dirs_exist_ok=True)
    return _ready(lake)


@pytest.fixture
def copies(template: Path, tmp_path: Path) -> Iterator[Callable[[], Ready]]:
    """Makes lakes like `ready`, as many as a test asks for."""
    with ExitStack() as stack:

        def make() -> Ready:
            folder = tmp_path / f"copy{next(count)}"
            shutil.copytree(template, folder)
            settings = load_settings({}, data_dir=folder, threads=1)
            return _ready(stack.enter_context(Lake(settings)))

        count = itertools.count()
        yield make


def _ready(lake: Lake) -> Ready:
    other = next(v for v in list_versions(lake, "detector") if v.state == "candidate")
    return Ready(lake, World(lake), ModelSpec(**spec_values()), other)
