"""Keeps lake and ledger in agreement: recorded decisions are repeated, in the same order."""

from datetime import datetime

from lakehouse.lake import Lake, write_lock
from lakehouse.sources import manifest
from lakehouse.sources.deciding import from_manifest
from lakehouse.sources.errors import LoadError
from lakehouse.sources.landing import LandedFile, Landing, sha256
from lakehouse.sources.ledger import Decision, Ledger
from lakehouse.sources.manifest import Entry
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staged import Staged, StagedFile


def reconcile(
    spec: SourceSpec, lake: Lake, ledger: Ledger, seen: dict[str, Entry], first: int
) -> list[Decision]:
    """The ledger from `first` on, after it has been completed from this lake's manifest.

    Raises:
        LoadError: when the ledger and the manifest disagree.
    """
    last = manifest.last_number(seen)
    decisions = ledger.since(min(first, last))
    if (decisions[-1].number if decisions else 0) < last:
        # the lake predates ledgers, or the landing zone lost the newest part of its ledger
        with write_lock(lake.settings, spec.table), lake.reader() as cursor:
            after = decisions[-1].number if decisions else 0
            entries = manifest.all_entries(cursor, spec.name)
            ledger.append(from_manifest(spec, entries, after))
        decisions = ledger.since(min(first, last))
    for decision in decisions:
        entry = seen.get(decision.file)
        if decision.number > last or (entry and entry.number > decision.number):
            continue
        same = entry is not None and entry.number == decision.number
        if not same or (entry and entry.status == "loaded" and entry.seal != decision.seal):
            raise LoadError(
                f"the ledger of {spec.name} next to its landed files lists {decision.file} as "
                f"number {decision.number} with the seal {decision.seal}, but this lake does not: "
                "it loaded the files in another order, before the ledger existed. Create a new "
                "lake from the landing zone"
            )
    return decisions


def order_files(
    staged: Staged,
    decided: tuple[Decision, ...],
    landed: dict[str, LandedFile],
    landing: Landing,
) -> None:
    """Set `staged.files` to the first of `decided`, with those in between that are not read."""
    read = {entry.file.name: entry for entry in staged.files}
    unread = len(read)
    staged.files = []
    for decision in decided:
        file = landed.get(decision.file)
        if decision.status == "loaded" and file is not None:
            if decision.file not in read:
                return  # left for a later batch
            entry = read[decision.file]
            if entry.sha256 != decision.sha256:
                entry.refused = (
                    f"its bytes differ from those that were loaded first (sha256 "
                    f"{decision.sha256[:12]} in the ledger, {entry.sha256[:12]} now); put the "
                    "original back, and land the new content under another name"
                )
        else:
            why = decision.reason
            if decision.status == "loaded":
                why = "it was loaded before, but is no longer in the landing zone; put it back"
            # a file refused then may have been corrected since, and is now a different file
            if file is None or not _is_decided_on(landing, file, decision):
                file = absent_file(decision)
            entry = StagedFile(file, unread, decision.sha256, refused=why)
            unread += 1
        staged.files.append(entry)


def absent_file(decision: Decision) -> LandedFile:
    """A placeholder for a file that has a decision but is no longer in the landing zone."""
    return LandedFile(decision.file, "", decision.bytes, datetime.min)


def _is_decided_on(landing: Landing, file: LandedFile, decision: Decision) -> bool:
    if file.bytes != decision.bytes:
        return False
    with landing.local(file) as path:
        return sha256(path) == decision.sha256
