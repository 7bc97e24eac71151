"""`lakehouse init`: what it writes, that it loads, and what it refuses."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from lakehouse.declarations.specs import FILE_NAME
from lakehouse.orchestration.build import load
from lakehouse.project import find_project
from lakehouse.settings import load_settings
from lakehouse.starter import InitError, create_project
from lakehouse.starter.creation import TEMPLATE
from tests.project import PROJECT
from tests.starter.conftest import LAST_DAY


def paths(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def lakehouse(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lakehouse.cli import start; start()", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT.root)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_project_is_laid_out_as_dagster_lays_one_out_with_dbt_and_data_beside(
    project: Path,
) -> None:
    assert {path for path in paths(project) if not path.startswith("samples/")} >= {
        ".gitignore",
        "README.md",
        "dagster.yaml",
        "data/README.md",
        "dbt_project/dbt_project.yml",
        "dbt_project/macros/lakehouse.sql",
        "dbt_project/models/sales/core/fct_orders.sql",
        "dbt_project/models/sales/sources.yml",
        "dbt_project/models/sales/staging/stg_orders.sql",
        "dbt_project/profiles.yml",
        "pyproject.toml",
        "src/my_shop/__init__.py",
        "src/my_shop/definitions.py",
        "src/my_shop/defs/sales/feature_sets/customer_orders/defs.yaml",
        "src/my_shop/defs/sales/models/repeat_order/defs.yaml",
        "src/my_shop/defs/sales/sources/orders/defs.yaml",
        "tests/test_project.py",
        "workspace.yaml",
    }
    assert len([path for path in paths(project) if path.startswith("samples/orders/")]) == 20


def test_nothing_is_left_to_fill_in(project: Path) -> None:
    for path in project.rglob("*"):
        names = [path.relative_to(project).as_posix()]
        text = "\n".join([*names, path.read_text() if path.is_file() else ""])
        assert not re.search(r"__(?!(init|pycache|all)__)\w+__|\bdot_", text), path


def test_it_is_found_from_its_folders_and_named_in_every_file(project: Path) -> None:
    found = find_project(project / "src" / "my_shop" / "defs")
    assert (found.root, found.name) == (project, "my-shop")
    assert found.defs_dir.is_dir()
    assert found.dbt_dir.is_dir()
    assert found.source_dir == project / "src"
    names = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    (location,) = yaml.safe_load((project / "workspace.yaml").read_text())["load_from"]
    assert names["root_module"] == "my_shop"
    assert location["python_module"] == {
        "module_name": "my_shop.definitions",
        "location_name": names["code_location_name"],
    }


@pytest.mark.slow
def test_its_definitions_load_with_no_problem_and_it_says_so(project: Path) -> None:
    loaded = load(load_settings({}, project_dir=project))
    assert [problem.message for problem in loaded.problems] == []
    keys = {
        key.to_user_string()
        for key in loaded.definitions.resolve_asset_graph().get_all_asset_keys()
    }
    assert {"raw/orders", "core/fct_orders", "predictions/repeat_order"} <= keys
    done = lakehouse(project / "samples", "check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_dbt_by_hand_finds_the_project_and_the_macros_and_ends_with_its_status(
    project: Path,
) -> None:
    found = lakehouse(project, "dbt", "--", "--quiet", "ls", "--resource-type", "model")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.split() == [
        "my_shop.sales.core.fct_orders",
        "my_shop.sales.staging.stg_orders",
    ]
    assert not (project / "dbt_project" / "target").exists()
    unknown = lakehouse(project, "dbt", "bild")
    assert (unknown.returncode, unknown.stderr) == (1, "error: dbt: No such command 'bild'.\n")


def test_files_that_every_project_has_are_those_of_this_repository() -> None:
    for name in ("dagster.yaml", "dbt_project/profiles.yml"):
        ours, theirs = ((root / name).read_text() for root in (PROJECT.root, TEMPLATE))
        assert yaml.safe_load(ours) == yaml.safe_load(theirs), name
    macros = "dbt_project/macros/lakehouse.sql"
    assert (PROJECT.root / macros).read_text() == (TEMPLATE / macros).read_text()


def test_the_domain_has_the_name_of_the_project_unless_one_is_given(tmp_path: Path) -> None:
    names = create_project(tmp_path / "my-shop", last_day=LAST_DAY)
    assert (names.project, names.module, names.domain) == ("my-shop", "my_shop", "my_shop")
    assert (tmp_path / "my-shop/src/my_shop/defs/my_shop/sources/orders" / FILE_NAME).is_file()


def test_a_project_can_be_made_in_the_empty_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m` does: the folder can be imported
    before = (tmp_path / "shop").stat().st_ino
    create_project(tmp_path / "shop", last_day=LAST_DAY)
    assert (tmp_path / "shop").stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


def test_an_empty_folder_becomes_a_project_and_a_missing_one_is_made(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    create_project(tmp_path / "shop", last_day=LAST_DAY)
    create_project(tmp_path / "a" / "b" / "shop", last_day=LAST_DAY)
    assert paths(tmp_path / "shop") == paths(tmp_path / "a" / "b" / "shop")


@pytest.mark.parametrize("name", ["note.txt", ".hidden"])
def test_a_folder_with_anything_in_it_is_refused_and_left_as_it_was(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(InitError, match="exists and is not an empty folder; choose another name"):
        create_project(folder, last_day=LAST_DAY)
    assert paths(tmp_path) == {f"shop/{name}"}


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("mine")
    with pytest.raises(InitError, match="is not an empty folder"):
        create_project(tmp_path / "shop", last_day=LAST_DAY)
    with pytest.raises(InitError, match=r"cannot make a project in .*: "):
        create_project(tmp_path / "shop" / "inside", last_day=LAST_DAY)
    assert (tmp_path / "shop").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "domain", "message"),
    [
        (
            "Shop",
            "",
            "'Shop' is not a valid name of a project; write at most 40 lower-case letters",
        ),
        ("1shop", "", "is not a valid name of a project"),
        ("my shop", "", "is not a valid name of a project"),
        ("my--shop", "", "is not a valid name of a project"),
        ("shop-", "", "is not a valid name of a project"),
        ("shöp", "", "is not a valid name of a project"),
        ("shop\n", "", "is not a valid name of a project"),
        ("..", "", "is not a valid name of a project"),
        ("s" * 41, "", "is not a valid name of a project"),
        ("class", "", "package would be class, a name that Python or an installed package has"),
        ("json", "", "package would be json"),
        ("lakehouse", "", "package would be lakehouse"),
        ("dbt", "", "package would be dbt"),
        ("dbt-duckdb", "", "package would be dbt_duckdb"),
        ("scikit-learn", "Sales", "'Sales' is not a valid name of a domain; a name has lower-case"),
        ("shop", "my-sales", "is not a valid name of a domain"),
        ("shop", "a__b", "is not a valid name of a domain"),
        ("shop", "sales\n", "is not a valid name of a domain"),
        ("shop", "models", "'models' has the name of a folder in a domain"),
        ("sources", "", "'sources' has the name of a folder in a domain; .* with --domain"),
    ],
)
def test_an_odd_name_is_refused_in_one_sentence_and_nothing_is_made(
    tmp_path: Path, name: str, domain: str, message: str
) -> None:
    with pytest.raises(InitError, match=message) as refused:
        create_project(tmp_path / name, domain, last_day=LAST_DAY)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_the_command_reports_a_refusal_without_a_traceback(tmp_path: Path) -> None:
    done = lakehouse(tmp_path, "init", "Shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: 'Shop' is not a valid name of a project; ")
    assert done.stderr.count("\n") == 1
