"""The available kinds of sources: each connector has a line here."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

from pydantic import Field

from lakehouse.sources.connectors.api.connector import ApiConnector
from lakehouse.sources.connectors.connector import Connector
from lakehouse.sources.connectors.database.connector import DatabaseConnector
from lakehouse.sources.connectors.files import FilesConnector

CONNECTORS: tuple[type[Connector], ...] = (
    FilesConnector,
    DatabaseConnector,
    ApiConnector,
)


def any_of(connectors: tuple[type[Connector], ...]) -> Any:
    """The type of a field that accepts any of `connectors`, discriminated by `kind`."""
    return Annotated[Union[connectors], Field(discriminator="kind")]  # noqa: UP007


if TYPE_CHECKING:
    AnyConnector: TypeAlias = Connector
else:
    AnyConnector = any_of(CONNECTORS)
