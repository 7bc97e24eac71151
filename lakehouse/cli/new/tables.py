"""The tables of the dbt project, for commands that build on them."""

from typing import TYPE_CHECKING

from lakehouse.cli.output import Output, warn

if TYPE_CHECKING:
    from lakehouse.scaffolding.declared_tables import DeclaredTable
    from lakehouse.settings import Settings


def declared_tables(settings: "Settings") -> "dict[str, DeclaredTable]":
    """The tables of all domains that parse; what does not parse is printed as a warning."""
    from lakehouse.orchestration.dbt.domains import find_valid_project
    from lakehouse.scaffolding.declared_tables import read_tables
    from lakehouse.scaffolding.errors import ScaffoldingError

    with Output().spinner("parsing the dbt project"):
        files, problems = find_valid_project(settings)
    for problem in problems:
        warn(problem.message)
    if files is None:
        raise ScaffoldingError("nothing of the dbt project parses; correct it first")
    return read_tables(files.manifest)
