"""The components of a project, each file on its own: one that fails keeps no other out.

Dagster's loader of a whole folder parses all files first and fails with the first mistake. So our
components are built from their specs, and those of other packages each by its own
`ComponentTree`.
"""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import dagster as dg

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.specs import FILE_NAME, Declarations, Problem
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.models.spec import ModelSpec
from lakehouse.orchestration.components.base import SpecComponent
from lakehouse.orchestration.components.feature_set import FeatureSet
from lakehouse.orchestration.components.predictive_model import PredictiveModel
from lakehouse.orchestration.components.source import Source
from lakehouse.project import Project
from lakehouse.sources import SourceSpec

_COMPONENTS: dict[type[Declaration], type[SpecComponent]] = {
    SourceSpec: Source,
    FeatureSetSpec: FeatureSet,
    ModelSpec: PredictiveModel,
}


def build_components(
    project: Project, declared: Declarations
) -> tuple[dg.Definitions, list[Problem]]:
    """The definitions of all valid declarations and of Python files, and what failed."""
    built: list[dg.Definitions] = []
    problems: list[Problem] = []

    def build(file: Path, definitions: Callable[[], dg.Definitions]) -> None:
        try:
            built.append(definitions())
        except Exception as error:  # whatever other people's code raises; it becomes a problem
            cause = error.__cause__ or error
            problems.append(Problem(file, f"{file}: {type(cause).__name__}: {cause}"))

    for spec in declared.specs:
        file = spec.place.file
        if file and file not in declared.others:
            build(file, _COMPONENTS[type(spec)](spec).definitions)
    for file in declared.others:
        build(file, lambda file=file: _tree(project, file.parent))  # type: ignore[misc]
    for file in _python_files(project):
        build(file, lambda file=file: _module(project, file))  # type: ignore[misc]
    return dg.Definitions.merge(*built), problems


def _tree(project: Project, folder: Path) -> dg.Definitions:
    """What Dagster loads from one component's folder."""
    module = import_module(_import_name(project, folder))
    return dg.ComponentTree.from_module(module, project.root).build_defs()


def _module(project: Project, file: Path) -> dg.Definitions:
    """The assets, checks, jobs, schedules, sensors and resources of a Python file."""
    module = import_module(_import_name(project, file))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # public, but announced as a preview
        return dg.load_definitions_from_module(module)


def _python_files(project: Project) -> list[Path]:
    """Python files below `defs/` that belong to no component's folder."""
    return [
        file
        for file in sorted(project.defs_dir.rglob("*.py"))
        if file.name != "__init__.py"
        and not any(
            (folder / FILE_NAME).exists()
            for folder in file.parents
            if folder.is_relative_to(project.defs_dir)
        )
    ]


def _import_name(project: Project, path: Path) -> str:
    """The module of a file or a folder below `defs/`; makes the project's code importable."""
    place = str(project.source_dir)
    if place not in sys.path:
        sys.path.append(place)
    return ".".join(path.relative_to(project.source_dir).with_suffix("").parts)
