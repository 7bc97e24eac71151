"""The interface of every kind of source: land complete files, and check cheaply for new data."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from lakehouse.declarations.part import Part
from lakehouse.settings import Settings
from lakehouse.sources.contract import Contract
from lakehouse.sources.landing import Landing


@dataclass(frozen=True)
class Landed:
    """A file that was just landed: its name below the source's folder, and its number of rows.

    `rows` is None for a copy of a file, which nobody read.
    """

    file: str
    rows: int | None = None


class Connector(Part, ABC):
    """The YAML fields of one kind of source, and how that kind is read.

    A kind is a class in its own file, with `kind` a Literal, and a line in `registry.py`. It keeps
    no state: the source's landed files (`landing`) are its only record of earlier calls, and `last`
    is the newest seal among them (UTC, naive; None before the first).
    """

    kind: str
    is_delivered: ClassVar[bool] = False
    """Whether other systems name the files: a name may lack a seal, and a file may come twice."""
    has_utc_times: ClassVar[bool] = False
    """Whether times without a zone are in UTC by the connector's own work."""

    @abstractmethod
    def land(self, contract: Contract, landing: Landing, last: datetime | None) -> Iterable[Landed]:
        """Land what the source has and the landing zone lacks, in files named by their seals.

        No other process lands files for the same source at the same time. Files that were landed
        before an error stay.

        Raises:
            SourceDown: when the source does not answer.
            LandingError: when the landing zone cannot be written.
        """

    @abstractmethod
    def news(
        self, contract: Contract, landing: Landing, last: datetime | None, now: datetime
    ) -> str:
        """A short text about what `land` would find, the same until something changes; empty for
        nothing.

        The sensor calls it every few seconds, and twice a minute if it `asks_a_server`, so it may
        skip what is expensive to find. It lands nothing.

        Raises:
            SourceDown: when the source does not answer.
        """

    def asks_a_server(self, settings: Settings) -> bool:
        """Whether `news` asks another machine, which should not be asked every few seconds."""
        return False

    def check(self, contract: Contract) -> None:
        """Raise ValueError, with what to change, for a contract that this kind cannot fulfil."""
