"""The project's Dagster with a separate data folder."""

import pytest

from lakehouse.settings import Settings


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that every resource of a run in this process uses as well."""
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("LAKEHOUSE_LOCK_TIMEOUT", str(settings.lock_timeout))
    return settings
