"""Components of other packages: mistakes in their YAML are one sentence as well."""

from importlib import import_module

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from lakehouse.declarations.document import Document, SpecError
from lakehouse.declarations.yaml_file import to_spec_error


def check_component(document: Document) -> None:
    """Check that the component exists and accepts the attributes, as Dagster does.

    Raises:
        SpecError: one line for each mistake, where Dagster would print a traceback.
    """
    name = str(document.values["type"])
    module, _, attribute = name.rpartition(".")
    if name.startswith("."):
        return  # a relative name: only Dagster knows its base
    try:
        component = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        remedy = "correct the type, or install the package that provides it"
        raise SpecError(
            document.sentence(f"there is no component {name} ({error}); {remedy}", "type")
        ) from None
    if not (isinstance(component, type) and issubclass(component, dg.Component)):
        raise SpecError(document.sentence(f"{name} is not a Dagster component", "type"))
    model, attributes = component.get_model_cls(), document.values.get("attributes")
    if model is None or not attributes:
        return
    try:
        TypeAdapter(model).validate_python(attributes)
    except ValidationError as error:
        raise to_spec_error(document, error, model) from None
