"""The dbt project without the domains that do not parse.

dbt parses a project as a whole, so a model that does not parse would stop every domain. The folder
`models/<domain>` in dbt's message names the domain; a copy of the project without that domain's
folders takes its place.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lakehouse.declarations.specs import Problem
from lakehouse.orchestration.dbt.project import DbtProjectError, DbtProjectFiles
from lakehouse.orchestration.dbt.steps import find_misplaced
from lakehouse.settings import Settings

COPIES = "valid_domains"
"""The folder, next to dbt's target, of copies without the domains that do not parse."""

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
            domains = {path.name for path in (settings.dbt_dir / "models").glob("*")}
            if named is None or named[1] not in domains - {*broken}:
                file = settings.dbt_dir / "dbt_project.yml"
                return None, [*problems, Problem(file, str(error))]
            broken.append(named[1])
            problems.append(Problem(settings.dbt_dir / named[0], str(error)))
            copy = _copy_without(settings, broken)
            files = DbtProjectFiles(settings.model_copy(update={"dbt_dir": copy}))
        else:
            return files, [*problems, *_misplaced(files, settings.dbt_dir)]


def _misplaced(files: DbtProjectFiles, folder: Path) -> Iterator[Problem]:
    for file, sentence in find_misplaced(files.manifest):
        yield Problem(folder / file, sentence)


def _copy_without(settings: Settings, domains: list[str]) -> Path:
    """A copy of the project, as it is now, without the folders of these domains.

    Several processes load the definitions at the same time, and a run reads its copy until it
    ends: a copy is complete when it appears and never changes. Daily maintenance deletes those that
    nothing has loaded for a while, by their folder's time.
    """
    name = "-".join([DbtProjectFiles(settings).fingerprint, *sorted(domains)])
    copy = settings.data_dir / "dbt" / COPIES / name
    if copy.exists():
        copy.touch()
        return copy
    left_out = {f"{folder}/{domain}" for folder in _FOLDERS for domain in domains}

    def ignored(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(settings.dbt_dir)
        return {name for name in names if str(inside / name) in left_out}

    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=copy.parent) as folder:
        unfinished = shutil.copytree(settings.dbt_dir, Path(folder) / name, ignore=ignored)
        unfinished.touch()  # `copytree` copies the times, too
        with suppress(OSError):  # another process was faster
            unfinished.rename(copy)
    return copy
