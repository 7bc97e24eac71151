"""A domain that dbt cannot parse is left out of a copy, which no other process takes away."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.orchestration.dbt.domains import COPIES, find_valid_project
from lakehouse.orchestration.maintenance_jobs import KEEP_LEFTOVERS, prune_folder
from lakehouse.settings import Settings, load_settings
from tests.project import PROJECT

SCHEMAS = "{% macro generate_schema_name(name, node) %}core{% endmacro %}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A dbt project with a valid domain and a broken one."""
    folder = tmp_path / "dbt"
    for name, sql in {
        "macros/schemas": SCHEMAS,
        "models/shop/core/orders": "select 1 as n",
        "models/bank/core/balances": "select * from {{ ref('nowhere') }}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.sql").write_text(sql)
    shutil.copy(PROJECT.dbt_dir / "profiles.yml", folder)
    (folder / "dbt_project.yml").write_text("{name: small, profile: lakehouse}")
    return load_settings({}, data_dir=tmp_path / "data", dbt_dir=folder)


@pytest.mark.slow
def test_the_other_domains_are_parsed_and_the_problem_names_the_file(settings: Settings) -> None:
    files, (problem,) = find_valid_project(settings)
    assert files
    assert list(files.models) == ["core.orders"]
    assert problem.file == settings.dbt_dir / "models/bank/core/balances.sql"
    assert "nowhere" in problem.message


@pytest.mark.slow
def test_the_copy_stays_while_the_project_is_the_same_and_another_one_gets_another(
    settings: Settings,
) -> None:
    first, _ = find_valid_project(settings)
    assert first
    used = first.directory / "used_by_a_run"
    used.touch()
    again, _ = find_valid_project(settings)
    assert again
    assert again.directory == first.directory
    (settings.dbt_dir / "models/shop/core/more.sql").write_text("select 2 as n")
    changed, _ = find_valid_project(settings)
    assert changed
    assert changed.directory != first.directory
    assert sorted(changed.models) == ["core.more", "core.orders"]
    assert used.exists()


@pytest.mark.slow
def test_maintenance_keeps_a_copy_that_was_loaded_lately_however_old_the_project_is(
    settings: Settings,
) -> None:
    long_ago = (datetime.now(UTC) - 9 * KEEP_LEFTOVERS).timestamp()
    os.utime(settings.dbt_dir, (long_ago, long_ago))
    limit = datetime.now(UTC) - timedelta(minutes=5)
    folder = settings.data_dir / "dbt" / COPIES
    files, _ = find_valid_project(settings)
    assert files
    assert prune_folder(folder, "*", limit) == 0
    os.utime(files.directory, (long_ago, long_ago))
    find_valid_project(settings)
    assert prune_folder(folder, "*", limit) == 0
    os.utime(files.directory, (long_ago, long_ago))
    assert prune_folder(folder, "*", limit) == 1
    assert not files.directory.exists()


def test_a_project_of_which_nothing_parses_is_one_problem(settings: Settings) -> None:
    (settings.dbt_dir / "dbt_project.yml").write_text("name: [")
    shutil.rmtree(settings.dbt_dir / "models")
    files, (problem,) = find_valid_project(settings)
    assert files is None
    assert problem.file == settings.dbt_dir / "dbt_project.yml"
