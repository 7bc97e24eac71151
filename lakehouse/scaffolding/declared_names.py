"""Names that declarations of all domains have already."""

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.specs import read_declarations
from lakehouse.project import Project
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.names import check_name


def refuse_name_clashes(
    project: Project, what: str, component: str, model: type[Declaration], name: str
) -> None:
    """Refuse a name that is not valid, or that another declaration of that kind has.

    Raises:
        ScaffoldingError: with the file of the other one.
    """
    check_name(what, name)
    for spec in read_declarations({component: model}, project.defs_dir).of(model):
        if spec.name == name:
            raise ScaffoldingError(
                f"there is a {what} {name} in {spec.place.file}; names are unique over all "
                "domains, so choose another one"
            )
