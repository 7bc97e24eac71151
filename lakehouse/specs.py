"""Finding what the YAML under `defs/` declares, without Dagster: for sensors, commands, the API."""

from functools import cache
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel

from lakehouse.errors import LakehouseError
from lakehouse.yaml_file import read_attributes

DEFS_DIR = Path(__file__).resolve().parent / "defs"
FILE_NAME = "defs.yaml"
"""The only name that Dagster loads; any other file would be ignored in silence."""

Spec = TypeVar("Spec", bound=BaseModel)


class UnknownComponent(LakehouseError):
    """A `defs.yaml` whose type is none of ours."""


def find_specs(component: str, model: type[Spec], folder: Path = DEFS_DIR) -> list[Spec]:
    """The specs of all components of that class name, in the order of their paths.

    Raises:
        LakehouseError: naming file, line and field of the first YAML that is broken.
    """
    return [
        read_attributes(path, model)
        for path in sorted(folder.rglob(FILE_NAME))
        if component_type(path) == component
    ]


@cache
def component_type(path: Path) -> str:
    """The class name in a file's `type`; raises `UnknownComponent` when there is none."""
    try:
        content = yaml.safe_load(path.read_text())
        return str(content["type"]).rsplit(".", 1)[-1]
    except (yaml.YAMLError, TypeError, KeyError) as error:
        raise UnknownComponent(f"{path} declares no component: it needs a `type`") from error
