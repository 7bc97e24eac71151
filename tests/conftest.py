"""What every test may use: settings of a folder of its own, and a lake in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, data_dir=tmp_path / "data", lock_timeout=30)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with Lake(settings) as lake:
        yield lake
