"""The models that `defs.yaml` files declare, by name."""

from lakehouse.declarations.specs import find_specs
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import RegistryError


def declared_models() -> dict[str, ModelSpec]:
    """Every declared model, in the order of the files."""
    return {spec.name: spec for spec in find_specs("PredictiveModel", ModelSpec)}


def find_model(name: str) -> ModelSpec:
    """The model called `name`. Raises `RegistryError`, which lists the declared models."""
    specs = declared_models()
    if name not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise RegistryError(f"no model is named {name}; the declared models are {known}")
    return specs[name]
