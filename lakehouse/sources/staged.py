"""A batch that was read and checked and is not committed yet: what became of each of its files."""

from collections import Counter
from dataclasses import dataclass, field

from lakehouse.sources.landing import LandedFile


@dataclass
class StagedFile:
    """What became of one file. `refused` is why none of its rows may be loaded.

    `drift` tells which of its columns were lost although the contract does not discard them, and
    which of the contract's it lacks.
    """

    file: LandedFile
    number: int
    sha256: str = ""
    refused: str | None = None
    rows: int = 0
    rejected: int = 0
    drift: str | None = None
    found: Counter[str] = field(default_factory=Counter)
    """How many of its rows have each of its columns."""


@dataclass
class Staged:
    """A batch. `table` has `_no` (in `files`), `_row`, `_reason`, `_column`, `_text` and data.

    `extras` are undeclared columns in it, `discarded` the rows that had one and lost it, `missing`
    the declared columns that a file lacks, by file.
    """

    table: str
    files: list[StagedFile] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    discarded: Counter[str] = field(default_factory=Counter)
    missing: dict[str, list[str]] = field(default_factory=dict)
