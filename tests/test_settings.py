from pathlib import Path

import pytest

from lakehouse.settings import SettingsError, load_settings


def test_an_unknown_setting_is_an_error_that_names_the_likely_one() -> None:
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_MEMORY_LIMT.*LAKEHOUSE_MEMORY_LIMIT"):
        load_settings({"LAKEHOUSE_MEMORY_LIMT": "1GB"})


def test_a_bad_value_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="LAKEHOUSE_THREADS"):
        load_settings({"LAKEHOUSE_THREADS": "many"})


def test_a_catalog_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="mysql"):
        load_settings({"LAKEHOUSE_CATALOG": "mysql:host=x"})


def test_places_follow_the_data_folder_unless_they_are_set(tmp_path: Path) -> None:
    settings = load_settings({"LAKEHOUSE_DATA_DIR": str(tmp_path), "LAKEHOUSE_LANDING": "s3://b/l"})
    assert settings.storage == str(tmp_path / "lake" / "files")
    assert settings.landing == "s3://b/l"


def test_a_child_process_gets_the_same_settings(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path, memory_limit="1GB", s3_use_ssl=False)
    assert load_settings(settings.environment()) == settings
