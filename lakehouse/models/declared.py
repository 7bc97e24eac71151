"""The models that `defs.yaml` files declare, by name."""

from lakehouse.declarations.specs import Declarations, read_declarations
from lakehouse.models.spec import ModelSpec
from lakehouse.project import Project
from lakehouse.registry import RegistryError


def declared_models(project: Project) -> dict[str, ModelSpec]:
    """Every declared model, in the order of the files. Raises `SpecError` if one is not valid."""
    found = _read(project)
    found.require_valid()
    return _by_name(found)


def valid_models(project: Project) -> dict[str, ModelSpec]:
    """The models whose declaration is valid: enough to show, not to delete what others need."""
    return _by_name(_read(project))


def find_model(project: Project, name: str) -> ModelSpec:
    """The model called `name`.

    Raises:
        SpecError: when it is not among the valid ones, and some declaration is not valid.
        RegistryError: when it is not declared; lists the declared models.
    """
    declared = _read(project)
    if spec := declared.named(ModelSpec, name):
        return spec
    known = ", ".join(sorted(_by_name(declared))) or "none"
    raise RegistryError(f"no model is named {name}; the declared models are {known}")


def _read(project: Project) -> Declarations:
    return read_declarations({"PredictiveModel": ModelSpec}, project.defs_dir)


def _by_name(found: Declarations) -> dict[str, ModelSpec]:
    return {spec.name: spec for spec in found.of(ModelSpec)}
