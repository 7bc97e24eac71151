"""The errors that can occur between a source and raw."""

from lakehouse.declarations.yaml_file import SpecError
from lakehouse.errors import LakehouseError, Transient

__all__ = [
    "ContractError",
    "LandingError",
    "LoadError",
    "SourceDown",
    "SourceUnavailable",
    "SpecError",
    "UnknownSource",
]


class SourceDown(LakehouseError):
    """The database or API does not answer, or its answer cannot be used."""


class SourceUnavailable(SourceDown, Transient):
    """The database or API does not answer now, or reports that it is busy; a retry may succeed."""


class LandingError(LakehouseError):
    """The landing zone cannot be read or written (a full disk, a missing right)."""


class ContractError(LakehouseError):
    """The raw table and the contract conflict in a way that only a person can resolve."""


class UnknownSource(LakehouseError):
    """A source that no `defs.yaml` declares."""


class LoadError(LakehouseError):
    """A batch of files could not be committed. Nothing of it is in the lake."""
