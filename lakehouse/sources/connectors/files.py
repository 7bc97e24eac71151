"""Files that another system puts into the landing folder."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal

from lakehouse.sources.connectors.connector import Connector, Landed
from lakehouse.sources.contract import Contract
from lakehouse.sources.landing import Landing


class FilesConnector(Connector):
    """Another system puts complete files into the landing folder."""

    kind: Literal["files"] = "files"
    is_delivered: ClassVar[bool] = True

    def land(self, contract: Contract, landing: Landing, last: datetime | None) -> Iterable[Landed]:
        """Nothing: the files are already there."""
        return ()

    def news(
        self, contract: Contract, landing: Landing, last: datetime | None, now: datetime
    ) -> str:
        """Nothing: files that are not loaded yet are checked for every source."""
        return ""
