"""Which project a command works on, and what is wrong with one that cannot be read."""

from pathlib import Path

import pytest

from lakehouse.project import ProjectError, find_project, read_project
from lakehouse.settings import load_settings
from tests.project import PROJECT


def make(root: Path, section: str = "[tool.lakehouse]") -> Path:
    root.mkdir(parents=True)
    (root / "pyproject.toml").write_text(f'[project]\nname = "shop"\n{section}\n')
    return root


def test_the_project_is_the_nearest_folder_upward_with_the_section(tmp_path: Path) -> None:
    outer, inner = make(tmp_path / "outer"), make(tmp_path / "outer" / "inner")
    make(inner / "library", section="")
    assert find_project(inner / "library").root == inner
    assert find_project(outer / "elsewhere").root == outer


def test_its_folders_have_defaults_and_can_be_named(tmp_path: Path) -> None:
    plain = read_project(make(tmp_path / "plain"))
    assert (plain.name, plain.defs_dir) == ("shop", tmp_path / "plain" / "defs")
    named = read_project(make(tmp_path / "named", '[tool.lakehouse]\ndefs = "src/shop/defs"'))
    assert named.defs_dir == tmp_path / "named" / "src" / "shop" / "defs"
    assert named.dbt_dir == tmp_path / "named" / "dbt_project"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("", r"is not a project: its pyproject\.toml has no section \[tool\.lakehouse\]"),
        ('[tool.lakehouse]\ndef = "d"', r"has no key def; known are defs, dbt_project, data"),
        ("[tool.lakehouse]\ndata = 1", r"data in \[tool\.lakehouse\] is not the name of a folder"),
        ("[tool", r"cannot read .*pyproject\.toml"),
    ],
)
def test_what_is_wrong_with_a_project_is_one_sentence(
    tmp_path: Path, section: str, message: str
) -> None:
    with pytest.raises(ProjectError, match=message):
        read_project(make(tmp_path / "shop", section))


def test_outside_of_every_project_the_error_says_how_to_get_into_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="lakehouse init NAME"):
        load_settings({})


def test_settings_take_the_project_of_the_working_directory_unless_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make(tmp_path / "shop")
    monkeypatch.chdir(shop)
    found = load_settings({})
    assert (found.project_dir, found.data_dir) == (shop, shop / "data")
    assert found.dbt_dir == shop / "dbt_project"
    given = load_settings({"LAKEHOUSE_PROJECT_DIR": str(PROJECT.root)}, data_dir=tmp_path)
    assert given.project == PROJECT
    assert given.data_dir == tmp_path
    assert load_settings(given.environment()) == given
