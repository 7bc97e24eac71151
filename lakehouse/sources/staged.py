"""A batch that was read and checked but is not committed yet, with the outcome for each file."""

from collections import Counter
from dataclasses import dataclass, field

from lakehouse.sources.landing import LandedFile


@dataclass
class StagedFile:
    """The outcome for one file. `refused` is why none of its rows may be loaded.

    `drift` lists its columns that were lost although the contract does not discard them, and the
    declared columns that it lacks.
    """

    file: LandedFile
    number: int
    sha256: str = ""
    refused: str | None = None
    rows: int = 0
    rejected: int = 0
    drift: str | None = None
    found: Counter[str] = field(default_factory=Counter)
    """The number of its rows that have each of its columns."""


@dataclass
class Staged:
    """A batch. `table` has `_no` (in `files`), `_row`, `_reason`, `_column`, `_text` and data.

    `extras` are its undeclared columns, `discarded` the rows that lost one, `missing` the declared
    columns that a file lacks, by file.
    """

    table: str
    files: list[StagedFile] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    discarded: Counter[str] = field(default_factory=Counter)
    missing: dict[str, list[str]] = field(default_factory=dict)
