"""A project: the folder whose declarations, dbt models and data the engine works on.

The section `[tool.lakehouse]` of a `pyproject.toml` marks its folder and can name the folders in
it. This repository is one project; `lakehouse init` makes others.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.errors import LakehouseError

FILE = "pyproject.toml"
SECTION = "tool.lakehouse"
FOLDERS = {"defs": "defs", "dbt_project": "dbt_project", "data": "data"}
"""The keys of the section, each a folder relative to the file, with their defaults."""


class ProjectError(LakehouseError):
    """There is no project, or its `pyproject.toml` is not valid."""


@dataclass(frozen=True)
class Project:
    """The folders of a project, absolute.

    `defs_dir` has a `<domain>/<kind>/<name>/defs.yaml` for each declaration, `dbt_dir` the
    `dbt_project.yml`; a run writes to `data_dir` only. Python modules of `defs_dir` are imported
    from `source_dir`.
    """

    root: Path
    name: str
    defs_dir: Path
    dbt_dir: Path
    data_dir: Path
    source_dir: Path

    @property
    def dagster_yaml(self) -> Path:
        """The configuration of the Dagster instance."""
        return self.root / "dagster.yaml"

    @property
    def workspace_yaml(self) -> Path:
        """The code locations that Dagster's UI shows."""
        return self.root / "workspace.yaml"


def find_project(start: Path) -> Project:
    """The project that `start` is in: the nearest folder upward with the section.

    Raises:
        ProjectError: when there is none, or when its section is not valid.
    """
    for folder in (start, *start.parents):
        if project := _project(folder):
            return project
    raise ProjectError(
        f"there is no project in {start} or above it; go into one, make one with "
        "`lakehouse init NAME`, or set LAKEHOUSE_PROJECT_DIR"
    )


def read_project(root: Path) -> Project:
    """The project with this root folder.

    Raises:
        ProjectError: when the folder is not a project, or its section is not valid.
    """
    project = _project(root)
    if project is None:
        raise ProjectError(f"{root} is not a project: its {FILE} has no section [{SECTION}]")
    return project


def _project(root: Path) -> Project | None:
    """The project of this folder; None if the folder has no section."""
    content = _read(root)
    section = content.get("tool", {}).get("lakehouse")
    if section is None:
        return None
    for key, value in section.items():
        if key not in FOLDERS:
            raise ProjectError(
                f"{root / FILE}: [{SECTION}] has no key {key}; known are {', '.join(FOLDERS)}"
            )
        if not isinstance(value, str):
            raise ProjectError(f"{root / FILE}: {key} in [{SECTION}] is not the name of a folder")
    folders = {key: root / section.get(key, default) for key, default in FOLDERS.items()}
    return Project(
        root=root,
        name=str(content.get("project", {}).get("name", root.name)),
        defs_dir=folders["defs"],
        dbt_dir=folders["dbt_project"],
        data_dir=folders["data"],
        source_dir=root / "src" if folders["defs"].is_relative_to(root / "src") else root,
    )


def _read(folder: Path) -> dict[str, Any]:
    """The content of the folder's `pyproject.toml`; empty if there is none."""
    try:
        return tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProjectError(f"cannot read {folder / FILE}: {error}") from None
