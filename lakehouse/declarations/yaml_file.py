"""Read a spec from a `defs.yaml`; each error is a sentence with file, line and field."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.document import Document, SpecError, read_yaml
from lakehouse.declarations.mistakes import find_mistakes
from lakehouse.declarations.place import Place

Spec = TypeVar("Spec", bound=Declaration)

__all__ = ["SpecError", "parse_attributes", "read_attributes", "to_spec_error"]


def read_attributes(path: Path, model: type[Spec]) -> Spec:
    """Read `attributes` of the YAML file as a `model`.

    Raises:
        SpecError: when the file is missing, is not valid YAML, or does not fit the model; one line
            for each mistake.
    """
    return parse_attributes(read_yaml(path), model)


def parse_attributes(document: Document, model: type[Spec]) -> Spec:
    """Read `attributes` of a document as a `model`. Raises as `read_attributes`."""
    values = document.values
    if not isinstance(values, dict) or not isinstance(values.get("attributes"), dict):
        raise SpecError(
            document.sentence("there is no `attributes` section with the fields below it")
        )
    try:
        return model.model_validate(values["attributes"]).with_place(Place(document.file))
    except ValidationError as error:
        raise to_spec_error(document, error, model) from None


def to_spec_error(document: Document, error: ValidationError, model: type[BaseModel]) -> SpecError:
    """Convert a validation `error` of a `model`: one line for each mistake, in their order."""
    paths = [
        (("attributes", *mistake.path), mistake.message)
        for mistake in find_mistakes(error, document.values["attributes"], model)
    ]
    paths.sort(key=lambda pair: document.line(pair[0]))
    return SpecError("\n".join(document.sentence(message, *path) for path, message in paths))
