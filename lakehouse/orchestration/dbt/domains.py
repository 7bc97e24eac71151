"""The dbt project without the domains that do not parse.

dbt parses a project as a whole, so a model that does not parse would stop every domain. The folder
`models/<domain>` in dbt's message names the domain; a copy of the project without that domain's
folders takes its place.
"""

import re
import shutil
from pathlib import Path

from lakehouse.declarations.specs import Problem
from lakehouse.orchestration.dbt.project import DbtProjectError, DbtProjectFiles
from lakehouse.settings import Settings

_FOLDERS = ("models", "tests", "macros", "seeds", "snapshots", "analyses")
"""Where a domain has a folder of its own."""
_DOMAIN = re.compile(rf"\b(?:{'|'.join(_FOLDERS)})/(\w+)/[\w/.-]+\.(?:sql|ya?ml|csv|md)")


def find_valid_project(settings: Settings) -> tuple[DbtProjectFiles | None, list[Problem]]:
    """The project, parsed, without the domains that do not parse, and what is wrong with those.

    None if nothing of it parses.
    """
    problems: list[Problem] = []
    broken: list[str] = []
    files = DbtProjectFiles(settings)
    while True:
        try:
            files.manifest_path()
        except DbtProjectError as error:
            named = _DOMAIN.search(str(error))
            domains = {path.name for path in (settings.dbt_dir / "models").iterdir()}
            if named is None or named[1] not in domains - {*broken}:
                file = settings.dbt_dir / "dbt_project.yml"
                return None, [*problems, Problem(file, str(error))]
            broken.append(named[1])
            problems.append(Problem(settings.dbt_dir / named[0], str(error)))
            files = DbtProjectFiles(
                settings.model_copy(update={"dbt_dir": _copy_without(settings, broken)})
            )
        else:
            return files, problems


def _copy_without(settings: Settings, domains: list[str]) -> Path:
    """A copy of the project without the folders of these domains."""
    left_out = {f"{folder}/{domain}" for folder in _FOLDERS for domain in domains}

    def ignored(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(settings.dbt_dir)
        return {name for name in names if str(inside / name) in left_out}

    copy = settings.data_dir / "dbt" / "valid_domains"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(settings.dbt_dir, copy, ignore=ignored)
    return copy
