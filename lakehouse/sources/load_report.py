"""The report of one call of `load`."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from lakehouse.sources.committing import Commit
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staged import Staged


@dataclass
class LoadReport:
    """The report of one call of `load`. Empty when there was nothing new.

    `rows` were loaded and `rejected` quarantined, from `files`; `reasons` counts rejected rows by
    "column: reason". `quarantined_files` were refused as a whole, with the reason. `altered_files`
    have other bytes than when they were loaded: they are not loaded again, and the change needs an
    explanation. `discarded` counts rows that lost an undeclared column, and `missing` has the
    declared columns that a file lacks, by file; `short_files` have fewer rows than the source's
    `volume` expects. `skipped_files` have the bytes of loaded ones, with the reason;
    `assumed_seals` describes by file what its seal was taken from, if nobody declared it. `seal`:
    the source's newest file is complete up to here (UTC). `why_no_rows` is empty if there are any.
    """

    source: str
    files: list[str] = field(default_factory=list)
    rows: int = 0
    rejected: int = 0
    load_ids: list[int] = field(default_factory=list)
    seal: datetime | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    quarantined_files: dict[str, str] = field(default_factory=dict)
    altered_files: list[str] = field(default_factory=list)
    short_files: list[str] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)
    discarded: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    skipped_files: dict[str, str] = field(default_factory=dict)
    assumed_seals: dict[str, str] = field(default_factory=dict)
    why_no_rows: str = ""

    def add(self, spec: SourceSpec, staged: Staged, done: Commit) -> None:
        """Count a batch that was committed."""
        self.quarantined_files |= (
            done.refused
        )  # before the loads: a file may have been refused and then loaded
        for load in done.loads:
            self.files.append(load.entry.file.name)
            self.load_ids.append(load.load_id)
            self.rows += load.entry.rows
            self.rejected += load.entry.rejected
            self.seal = load.seal
            self.quarantined_files.pop(load.entry.file.name, None)
            if (seal := spec.seal_of(load.entry.file)) and seal.assumed:
                recorded = f"the time in the ledger, {load.own:%Y-%m-%d %H:%M:%S} (UTC)"
                is_new = seal.time == load.own
                self.assumed_seals[load.entry.file.name] = seal.assumed if is_new else recorded
            if load.entry.rows < spec.volume.min_rows:
                self.short_files.append(load.entry.file.name)
        self.skipped_files |= done.skipped
        self.new_columns += done.new_columns
        self.reasons = dict(Counter(self.reasons) + Counter(done.reasons))
        self.missing |= staged.missing
        self.discarded = dict(Counter(self.discarded) + staged.discarded)
