"""The payment lake of the training tests is used here as well, with a model that has scored it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.scoring import score
from lakehouse.settings import Settings, load_settings
from lakehouse.training import train
from tests.scoring.conftest import ready, template
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


@pytest.fixture(scope="session")
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """Sixty days with a champion that has scored them; training for each test would take minutes.

    A lake depends on its folder, so the tests use this one in turn, and `scored` restores it from
    the copy.
    """
    folder = tmp_path_factory.mktemp("scored")
    settings = load_settings({}, data_dir=folder / "data", threads=1)
    with Lake(settings) as lake:
        World(lake).days(0, 60)
        spec = ModelSpec(**spec_values())
        train(spec, lake)
        score(spec, lake)
    shutil.copytree(folder / "data", folder / "copy")
    return settings, folder / "copy"


@pytest.fixture
def scored(_made_once: tuple[Settings, Path]) -> Iterator[Lake]:
    """A lake with sixty days, the `detector` as champion, and all its predictions."""
    settings, copy = _made_once
    shutil.rmtree(settings.data_dir)
    shutil.copytree(copy, settings.data_dir)
    with Lake(settings) as lake:
        yield lake
