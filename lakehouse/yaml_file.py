"""Reading a spec from a `defs.yaml` so that an error names the file, the line and the field."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lakehouse.errors import LakehouseError

Spec = TypeVar("Spec", bound=BaseModel)


class SpecError(LakehouseError):
    """YAML that cannot be; names file, line and field."""


def read_attributes(path: Path, model: type[Spec]) -> Spec:
    """`attributes` of the YAML file as a `model`.

    Raises:
        SpecError: when the file is missing, is no YAML, or does not fit the model.
    """
    try:
        text = path.read_text()
        document = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{path} is no valid YAML: {error}") from error
    if not isinstance(values, dict) or not isinstance(values.get("attributes"), dict):
        raise SpecError(f"{path}: there is no `attributes` section with its fields")
    try:
        return model.model_validate(values["attributes"])
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            where = [part for part in problem["loc"] if part != "function-after"]
            line = _line(document, ["attributes", *where])
            field = ".".join(map(str, where)) or "attributes"
            problems.append(f"{path}, line {line}: {field}: {problem['msg']}")
        raise SpecError("\n".join(problems)) from error


def _line(node: yaml.Node | None, where: list[int | str]) -> int:
    """The line of the innermost node on the way `where`; tags of unions are passed over."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in where:
        step: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    step, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            step = node.value[part]
            line = step.start_mark.line + 1
        node = step or node
    return line
