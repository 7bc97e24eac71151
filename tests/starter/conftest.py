"""A built wheel, and a project that `lakehouse init` made."""

from datetime import date
from pathlib import Path

import pytest

from lakehouse.starter import create_project
from tests.starter.wheel import build_wheel

LAST_DAY = date(2026, 6, 30)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projects") / "my-shop"
    create_project(folder, "sales", last_day=LAST_DAY)
    return folder
