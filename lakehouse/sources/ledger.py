"""The ledger of a source: the decisions about its landed files, stored next to them.

`known_at` depends on the order in which files were loaded and on the seals at that time. Both are
decided under the lake's write lock and written here before the lake commits, as one small immutable
object per batch: `<landing>/<source>/.loads/00000001.json`, named after the number of its first
decision. So a new lake on the same landing zone, or a lake whose process was killed between the two
writes, repeats these decisions. This module does not touch the lake.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import Landing

FOLDER = ".loads"
_NAME = re.compile(r"(\d{8,})\.json")


class Decision(BaseModel):
    """The decision about one file; times are UTC, naive.

    `number` counts the decisions about a source, without gaps. The source was complete up to
    `previous`, `own` is the file's seal, and the source is now complete up to `seal`. For a static
    lookup, what reads it may be complete up to `previous`. `reason` is why a file was refused,
    skipped or unloaded; the person and the time are recorded only for an unloaded file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    file: str
    status: Literal["loaded", "quarantined", "unloaded", "skipped"]
    bytes: int
    sha256: str
    previous: datetime | None = None
    own: datetime | None = None
    seal: datetime | None = None
    reason: str | None = None
    who: str | None = None
    at: datetime | None = None

    @property
    def moves_seal(self) -> bool:
        """Whether the source is complete up to a later time: also by a file that is skipped."""
        return self.status == "loaded" or (self.status == "skipped" and self.seal != self.previous)

    @property
    def attributed_reason(self) -> str | None:
        """The reason, with the person who gave it."""
        return f"{self.reason} ({self.who})" if self.who else self.reason


class _Batch(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    decisions: tuple[Decision, ...]


class Ledger:
    """The decisions about one source, in order. Objects are only added, never changed."""

    def __init__(self, landing: Landing) -> None:
        self._landing = landing

    def since(self, number: int) -> list[Decision]:
        """The decisions of the batch that holds `number` and of all later ones; else the last
        batch.

        Only those batches are read, so the cost does not grow with the history.

        Raises:
            LandingError: when a batch is missing or broken.
        """
        names = {int(match[1]): match[0] for match in map(_NAME.fullmatch, self._names()) if match}
        firsts = sorted(names)
        start = max((first for first in firsts if first <= number), default=min(firsts, default=1))
        found: list[Decision] = []
        for first in firsts[firsts.index(start) :] if firsts else []:
            found += self._read(names[first])
        begin = 1 if start > number else start
        if [decision.number for decision in found] != list(range(begin, begin + len(found))):
            raise LandingError(
                f"the ledger {self._landing.root}/{FOLDER} has a gap: decisions {begin} to "
                f"{begin + len(found) - 1} are expected in {', '.join(names[f] for f in firsts)}; "
                "restore the missing object from a backup, because without it no lake can be "
                "rebuilt as it was"
            )
        return found

    def append(self, decisions: Sequence[Decision]) -> bool:
        """Write a batch; False, with nothing written, if another process has taken its number."""
        content = _Batch(decisions=tuple(decisions)).model_dump_json(indent=1, exclude_none=True)
        name = f"{FOLDER}/{decisions[0].number:08d}.json"
        return self._landing.claim_hidden(name, content.encode())

    def _names(self) -> list[str]:
        return self._landing.hidden(FOLDER)

    def _read(self, name: str) -> tuple[Decision, ...]:
        try:
            return _Batch.model_validate_json(
                self._landing.read_hidden(f"{FOLDER}/{name}")
            ).decisions
        except ValidationError as error:
            raise LandingError(
                f"{self._landing.root}/{FOLDER}/{name} is damaged: {error.errors()[0]['msg']}; "
                "restore it from a backup"
            ) from error
