"""The sources that `defs.yaml` files declare, by name."""

from lakehouse.declarations.specs import find_specs
from lakehouse.project import Project
from lakehouse.sources.errors import UnknownSource
from lakehouse.sources.spec import SourceSpec


def declared_sources(project: Project) -> dict[str, SourceSpec]:
    """Every declared source, in the order of the files."""
    return {spec.name: spec for spec in find_specs("Source", SourceSpec, project.defs_dir)}


def find_source(project: Project, name: str) -> SourceSpec:
    """The source called `name`. Raises `UnknownSource`, naming those that are declared."""
    specs = declared_sources(project)
    if name not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise UnknownSource(f"no source is called {name}; declared are {known}")
    return specs[name]
