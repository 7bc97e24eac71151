"""The project loads: no declaration and no dbt model is left out."""

from lakehouse.orchestration.build import load
from lakehouse.settings import load_settings


def test_every_file_of_the_project_is_loaded() -> None:
    assert [problem.message for problem in load(load_settings()).problems] == []
