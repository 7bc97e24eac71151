"""The sources that `defs.yaml` files declare, by name."""

from lakehouse.declarations.specs import Declarations, read_declarations
from lakehouse.project import Project
from lakehouse.sources.errors import UnknownSource
from lakehouse.sources.spec import SourceSpec


def valid_sources(project: Project) -> dict[str, SourceSpec]:
    """The sources whose declaration is valid, in the order of the files."""
    return _by_name(_read(project))


def find_source(project: Project, name: str) -> SourceSpec:
    """The source called `name`.

    Raises:
        SpecError: when it is not among the valid ones, and some declaration is not valid.
        UnknownSource: when it is not declared; lists the declared sources.
    """
    declared = _read(project)
    if spec := declared.named(SourceSpec, name):
        return spec
    known = ", ".join(sorted(_by_name(declared))) or "none"
    raise UnknownSource(f"no source is called {name}; declared are {known}")


def _read(project: Project) -> Declarations:
    return read_declarations({"Source": SourceSpec}, project.defs_dir)


def _by_name(found: Declarations) -> dict[str, SourceSpec]:
    return {spec.name: spec for spec in found.of(SourceSpec)}
