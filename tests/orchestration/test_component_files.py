"""Files below `defs/` that only Dagster can build: each on its own, wherever the command runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.declarations.specs import Declarations
from lakehouse.orchestration.components.files import build_components
from lakehouse.project import Project, read_project

pytestmark = [  # Dagster's own loader of components
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
]
ASSET = """import dagster as dg


@dg.asset
def {name}() -> None: ...
"""
COMPONENT = """type: dagster.PythonScriptComponent
attributes:
  execution: {path: script.py}
  assets:
    - key: scripted
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project of its own, in a working directory elsewhere; its modules are forgotten again."""
    root, elsewhere = tmp_path / "shop", tmp_path / "elsewhere"
    defs = root / f"defs_of_{tmp_path.name.replace('-', '_')}"
    for folder in (defs / "sales", elsewhere):
        folder.mkdir(parents=True)
    (root / "pyproject.toml").write_text(f"[tool.lakehouse]\ndefs = '{defs.name}'\n")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    yield read_project(root)
    for name in {*sys.modules} - before:
        del sys.modules[name]


def names(definitions: dg.Definitions) -> list[str]:
    return sorted(key.to_user_string() for key in definitions.resolve_all_asset_keys())


def test_python_files_add_assets_and_one_that_fails_keeps_no_other_out(project: Project) -> None:
    (project.defs_dir / "sales" / "good.py").write_text(ASSET.format(name="good"))
    broken = project.defs_dir / "sales" / "broken.py"
    broken.write_text("raise RuntimeError('no luck')")
    definitions, (problem,) = build_components(project, Declarations())
    assert names(definitions) == ["good"]
    assert problem.file == broken
    assert problem.message == f"{broken}: RuntimeError: no luck"


def test_python_files_of_a_components_folder_belong_to_the_component(project: Project) -> None:
    folder = project.defs_dir / "sales" / "one"
    (folder / "inner").mkdir(parents=True)
    (folder / "defs.yaml").write_text(COMPONENT)
    for file in ("script.py", "inner/helper.py"):
        (folder / file).write_text("raise RuntimeError('not imported')")
    declared = Declarations(others=(folder / "defs.yaml",))
    definitions, problems = build_components(project, declared)
    assert not problems
    assert names(definitions) == ["scripted"]


def test_a_component_that_dagster_cannot_build_is_a_problem_of_its_file(project: Project) -> None:
    folder = project.defs_dir / "sales" / "one"
    folder.mkdir()
    (folder / "defs.yaml").write_text(COMPONENT.replace("assets:", "asets:"))
    definitions, (problem,) = build_components(
        project, Declarations(others=(folder / "defs.yaml",))
    )
    assert names(definitions) == []
    assert problem.file == folder / "defs.yaml"
