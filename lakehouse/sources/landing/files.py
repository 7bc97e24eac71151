"""A landed file: what it is called, and what the storage knows of it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SEAL_FORMAT = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class LandedFile:
    """`name`: path below the source's folder; `modified`: UTC, naive, as the storage has it.

    `problem` is why it cannot be read at all: a link to nothing, a pipe, a folder that is closed.
    """

    name: str
    path: str
    bytes: int
    modified: datetime
    problem: str | None = None


def seal_name(seal: datetime, suffix: str) -> str:
    """The name of a file that completes a source up to `seal` (UTC, naive)."""
    return seal.strftime(SEAL_FORMAT) + suffix


def shown(name: str) -> str:
    """A name from outside as a message shows it: as it is, or escaped where that cannot be seen."""
    return name if name.isprintable() and name.strip() == name and name else repr(name)


def sha256(path: Path) -> str:
    """The hash of a file's bytes, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
