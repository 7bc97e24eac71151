"""Components of other packages: a mistake in their YAML is a sentence, too."""

from importlib import import_module

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from lakehouse.declarations.document import Document, SpecError
from lakehouse.declarations.yaml_file import refusal


def check_component(document: Document) -> None:
    """See that there is the component and that it takes the attributes, as Dagster does.

    Raises:
        SpecError: a line for each mistake, where Dagster would show how it was found.
    """
    name = str(document.values["type"])
    module, _, attribute = name.rpartition(".")
    if name.startswith("."):
        return  # relative to the folder: Dagster knows to what
    try:
        component = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        remedy = "correct the type, or install the package that has it"
        raise SpecError(
            document.sentence(f"there is no component {name} ({error}); {remedy}", "type")
        ) from None
    if not (isinstance(component, type) and issubclass(component, dg.Component)):
        raise SpecError(document.sentence(f"{name} is not a component of Dagster", "type"))
    model, attributes = component.get_model_cls(), document.values.get("attributes")
    if model is None or not attributes:
        return
    try:
        TypeAdapter(model).validate_python(attributes)
    except ValidationError as error:
        raise refusal(document, error, model) from None
