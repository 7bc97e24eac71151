"""What can go wrong between the outside world and raw."""

from lakehouse.declarations.yaml_file import SpecError
from lakehouse.errors import LakehouseError, Transient

__all__ = [
    "ContractError",
    "LandingError",
    "LoadError",
    "SourceAway",
    "SourceDown",
    "SpecError",
    "UnknownSource",
]


class SourceDown(LakehouseError):
    """The database or API does not answer, or answers what cannot be used."""


class SourceAway(SourceDown, Transient):
    """The database or API does not answer now, or says that it is busy; it may a little later."""


class LandingError(LakehouseError):
    """The landing zone cannot be read or written (a full disk, a missing right)."""


class ContractError(LakehouseError):
    """The raw table and the contract disagree in a way that only a person can settle."""


class UnknownSource(LakehouseError):
    """A source that no `defs.yaml` declares."""


class LoadError(LakehouseError):
    """A batch of files could not be committed. Nothing of it is in the lake."""
