"""A component built from a plain pydantic spec."""

from abc import abstractmethod
from typing import Any, ClassVar, Self, cast

import dagster as dg
from pydantic import BaseModel

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.place import Place
from lakehouse.declarations.specs import FILE_NAME
from lakehouse.lake import Table
from lakehouse.orchestration.policies import group_name


class SpecComponent(dg.Component):
    """A component whose attributes are exactly the fields of `spec_class`."""

    spec_class: ClassVar[type[Declaration]]

    def __init__(self, spec: Any) -> None:
        self.spec = spec

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The model that validates the YAML."""
        return cls.spec_class

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component of a validated YAML; its file becomes the location for later errors."""
        file = context.path if context.path.is_file() else context.path / FILE_NAME
        return cls(cast(Declaration, attributes).with_place(Place(file)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions, as Dagster requires."""
        return self.definitions()

    @abstractmethod
    def definitions(self) -> dg.Definitions:
        """The assets and checks of the spec, which alone determines them."""


def group_of(spec: Declaration, layer: str) -> str:
    """The group of the spec's assets in a layer, `<domain>_<layer>`."""
    return group_name(spec.place.domain, layer)


def asset_key(table: str) -> dg.AssetKey:
    """The asset key of the table `schema.name`."""
    return dg.AssetKey(Table(table).parts)
