"""What every kind of source can do: land complete files, and tell cheaply whether there is news."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lakehouse.declarations.part import Part
from lakehouse.sources.contract import Contract
from lakehouse.sources.landing import Landing


@dataclass(frozen=True)
class Landed:
    """A file that was just landed: its name below the source's folder, and how many rows it has."""

    file: str
    rows: int


class Connector(Part, ABC):
    """What the YAML of one kind of source declares, and how that kind is read.

    A kind is a class in a file of its own, with `kind` a Literal, and a line in `registry.py`. It
    remembers nothing: `landing`, the source's landed files, is all that it knows of earlier calls,
    and `last` the newest seal among them (UTC, naive; None before the first).
    """

    kind: str

    @abstractmethod
    def land(self, contract: Contract, landing: Landing, last: datetime | None) -> Iterable[Landed]:
        """Land what the source has that landing has not, in files named by their seals.

        No other process lands for the same source meanwhile. Files that were landed before an error
        stay.

        Raises:
            SourceDown: when the source does not answer.
            LandingError: when landing cannot be written.
        """

    @abstractmethod
    def news(
        self, contract: Contract, landing: Landing, last: datetime | None, now: datetime
    ) -> str:
        """What `land` would find, in a few words: the same for the same news; empty for none.

        The sensor asks twice a minute, so it may miss what is dear to find. It lands nothing.

        Raises:
            SourceDown: when the source does not answer.
        """

    def check(self, contract: Contract) -> None:
        """Raise ValueError, with what to change, for a contract that this kind cannot keep."""
