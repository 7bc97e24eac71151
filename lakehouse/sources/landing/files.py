"""A landed file: its name, and its metadata in the storage."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

SEAL_FORMAT = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class LandedFile:
    """`name`: path below the source's folder; `modified`: the storage's time (UTC, naive).

    `landed` is the time at which the file came to have this name here, or was changed last (UTC,
    naive): a file that is moved, unpacked or downloaded may keep an earlier `modified`. `problem`
    is why it cannot be read at all: a broken link, a pipe, an inaccessible folder.
    """

    name: str
    path: str
    bytes: int
    modified: datetime
    problem: str | None = None
    landed: datetime = field(default=datetime.min, compare=False)


def seal_name(seal: datetime, suffix: str) -> str:
    """The name of a file after which a source is complete up to `seal` (UTC, naive)."""
    return seal.strftime(SEAL_FORMAT) + suffix


def printable(name: str) -> str:
    """A name from the source for messages: unchanged, or escaped if it has invisible characters."""
    return name if name.isprintable() and name.strip() == name and name else repr(name)


def sha256(path: Path) -> str:
    """The hash of a file's bytes, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
