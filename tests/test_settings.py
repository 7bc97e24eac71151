import os
from pathlib import Path

import pytest

from lakehouse.settings import SettingsError, count_cores, load_settings


def test_an_unknown_setting_is_an_error_that_suggests_the_closest_name() -> None:
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_MEMORY_LIMT.*LAKEHOUSE_MEMORY_LIMIT"):
        load_settings({"LAKEHOUSE_MEMORY_LIMT": "1GB"})


def test_a_bad_value_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="LAKEHOUSE_THREADS"):
        load_settings({"LAKEHOUSE_THREADS": "many"})


def test_a_catalog_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="LAKEHOUSE_CATALOG: 'mysql"):
        load_settings({"LAKEHOUSE_CATALOG": "mysql:host=x"})


def test_unset_paths_are_below_the_data_folder(tmp_path: Path) -> None:
    settings = load_settings({"LAKEHOUSE_DATA_DIR": str(tmp_path), "LAKEHOUSE_LANDING": "s3://b/l"})
    assert settings.storage == str(tmp_path / "lake" / "files")
    assert settings.landing == "s3://b/l"


def test_a_child_process_gets_the_same_settings(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path, memory_limit="1GB", s3_use_ssl=False)
    assert load_settings(settings.environment()) == settings


@pytest.mark.parametrize(
    ("limit", "size"),
    [
        ("4GB", 4 * 1000**3),
        ("1.5 GiB", 3 * 512 * 1024**2),
        ("512mb", 512 * 1000**2),
        (" 2048B ", 2048),
    ],
)
def test_a_memory_limit_is_read_as_duckdb_reads_it(limit: str, size: int) -> None:
    settings = load_settings({}, memory_limit=limit)
    assert settings.memory_bytes == size


@pytest.mark.parametrize("limit", ["80%", "4", "plenty", "-1GB", "1e3KB", ""])
def test_a_memory_limit_that_is_not_a_valid_size_is_refused(limit: str) -> None:
    with pytest.raises(SettingsError, match=r"LAKEHOUSE_MEMORY_LIMIT.*not a valid size.*4GB"):
        load_settings({"LAKEHOUSE_MEMORY_LIMIT": limit})


def test_threads_are_as_set_or_one_per_core_that_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lakehouse.settings.count_cores", count_cores)  # tests use one
    monkeypatch.delenv("LAKEHOUSE_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 4, 5}, raising=False)
    assert (count_cores(), load_settings({}).cores) == (3, 3)
    assert load_settings({}, threads=2).cores == 2


@pytest.mark.parametrize(("reported", "cores"), [(8, 8), (None, 1)])
def test_without_cpu_affinity_all_cores_are_counted(
    monkeypatch: pytest.MonkeyPatch, reported: int | None, cores: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: reported)
    assert count_cores() == cores
