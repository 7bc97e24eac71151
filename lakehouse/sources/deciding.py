"""Decides which files to load next, in which order, with which seals. No SQL; nothing is written.

Decisions that the ledger has and the manifest lacks come first, unchanged; files that are not in
the ledger come after them and are decided on now.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from lakehouse.sources.landing import LandedFile
from lakehouse.sources.ledger import Decision
from lakehouse.sources.manifest import Entry, last_number, last_seal
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staged import StagedFile

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
TOO_FAR = "its seal is too far ahead"


@dataclass(frozen=True)
class Todo:
    """Either `decided` files that are not loaded here yet, or `new` files.

    `last` is the manifest's last number. `reference`: the other inputs are complete up to here
    (UTC, naive), if there are any.
    """

    last: int
    reference: datetime | None
    decided: tuple[Decision, ...] = ()
    new: tuple[LandedFile, ...] = ()

    def without(self, names: Collection[str]) -> "Todo":
        """The same without the new files of these names."""
        return replace(self, new=tuple(file for file in self.new if file.name not in names))

    def __bool__(self) -> bool:
        return bool(self.decided or self.new)


def find_todo(
    spec: SourceSpec,
    files: Sequence[LandedFile],
    seen: Mapping[str, Entry],
    ledger: Sequence[Decision],
    reference: datetime | None,
    is_altered: Callable[[LandedFile, Entry], bool],
    released: Collection[str] = (),
) -> Todo:
    """What to load, given the landed files, the manifest and the rest of the ledger.

    `is_altered` returns whether a file has other bytes than an entry; it reads the file. `released`
    are refused files that were released since.
    """
    last = last_number(seen)
    landed = {file.name: file for file in files}

    def is_due(decision: Decision) -> bool:
        entry, file = seen.get(decision.file), landed.get(decision.file)
        if decision.number > last:
            return True
        # another file had landed under its name; the current one may be the one that was loaded
        return (
            entry is not None
            and entry.number == decision.number
            and _keeps_place(entry)
            and file is not None
            and not entry.matches(file)
        )

    decided = tuple(filter(is_due, ledger))
    if decided:
        return Todo(last, reference, decided=_without_unloaded(decided))
    return Todo(
        last, reference, new=tuple(_new(spec, files, seen, reference, is_altered, released))
    )


def _keeps_place(entry: Entry) -> bool:
    return entry.status == "quarantined" and entry.seal is not None


def first_to_read(seen: Mapping[str, Entry], files: Sequence[LandedFile]) -> int:
    """The number of the first relevant decision of the ledger."""
    landed = {file.name: file for file in files}
    return min(
        (
            entry.number
            for entry in seen.values()
            if _keeps_place(entry)
            and entry.file in landed
            and not entry.matches(landed[entry.file])
        ),
        default=last_number(seen),
    )


def _without_unloaded(decided: Sequence[Decision]) -> tuple[Decision, ...]:
    """The decisions without files that a later one unloads: these are not read."""
    found: list[Decision] = []
    unloaded: set[str] = set()
    for decision in reversed(decided):
        if decision.status == "unloaded":
            unloaded.add(decision.file)
        elif decision.status == "loaded" and decision.file in unloaded:
            unloaded.remove(decision.file)
            decision = decision.model_copy(update={"status": "unloaded"})
        found.append(decision)
    return tuple(reversed(found))


def _new(
    spec: SourceSpec,
    files: Sequence[LandedFile],
    seen: Mapping[str, Entry],
    reference: datetime | None,
    is_altered: Callable[[LandedFile, Entry], bool],
    released: Collection[str],
) -> list[LandedFile]:
    """Files never seen, and refused ones that have changed, by seal; names without a seal last."""
    seal = last_seal(seen)

    def is_new(file: LandedFile) -> bool:
        entry = seen.get(file.name)
        if entry is None:
            return True
        if entry.status == "loaded" or _keeps_place(entry):
            return False
        if entry.status in ("unloaded", "skipped"):
            return not entry.matches(file) and is_altered(file, entry)
        if file.name in released:
            return True
        if (entry.reason or "").startswith(TOO_FAR):
            own = spec.named_seal(file.name)
            return own is not None and why_too_far(spec, file, own, seal, reference) is None
        return not entry.matches(file)

    def order(file: LandedFile) -> tuple[datetime, str]:
        seal = spec.seal_of(file)
        return seal.time if seal else datetime.max, file.name

    return sorted(filter(is_new, files), key=order)


def decide(
    spec: SourceSpec,
    staged: Sequence[StagedFile],
    seen: Mapping[str, Entry],
    reference: datetime | None,
    others: datetime | None = None,
    released: Collection[str] = (),
) -> list[Decision]:
    """Number and seals of new files, in order; files too far ahead are refused.

    `others`: the newest seal of any other source. `released` are files with rows of other files,
    which are no repetitions of them.
    """
    number, seal = last_number(seen), last_seal(seen)
    known = {entry.sha256: entry for entry in seen.values() if entry.status == "loaded"}
    repeated = {sha: (entry.file, entry.rejected) for sha, entry in known.items()}
    decisions = []
    for entry in staged:
        number += 1
        previous, own, found = seal, None, spec.seal_of(entry.file)
        why = entry.refused
        status: Literal["loaded", "quarantined", "skipped"] = "quarantined"
        if found:
            own = found.time
            named = spec.named_seal(entry.file.name) is not None
            if why is None and named:
                why = entry.refused = why_too_far(spec, entry.file, own, previous, reference)
            if why is None and _may_repeat(spec, entry, released) and entry.sha256 in repeated:
                status, why = "skipped", _why_skipped(spec, *repeated[entry.sha256])
                if named and not spec.is_static and (previous is None or own > previous):
                    seal = own
            elif why is None:
                status = "loaded"
                if spec.is_static and previous is not None:
                    # what reads it did not wait: nothing that was computed may have known it
                    landed = entry.file.landed - TICK if entry.file.landed > datetime.min else None
                    previous = max(time for time in (previous, others, landed) if time)
                    own = max(own, previous + TICK)
                # a late file: its rows become known only after what was already complete
                seal = own if previous is None else max(own, previous + TICK)
                repeated.setdefault(entry.sha256, (entry.file.name, entry.rejected))
        decisions.append(
            Decision(
                number=number,
                file=entry.file.name,
                status=status,
                bytes=entry.file.bytes,
                sha256=entry.sha256,
                previous=previous,
                own=own,
                seal=seal,
                reason=why,
            )
        )
    return decisions


def _may_repeat(spec: SourceSpec, entry: StagedFile, released: Collection[str]) -> bool:
    """Whether a file is skipped if its bytes are known: files without rows only move the seal."""
    return (
        spec.connector.is_delivered
        and spec.repeated_files == "skip"
        and bool(entry.rows or entry.rejected)
        and entry.file.name not in released
    )


def _why_skipped(spec: SourceSpec, first: str, rejected: int) -> str:
    why = f"it has the same bytes as {first}, which is loaded"
    if rejected:
        why += (
            f"; to try its {rejected:,} rejected rows again: lakehouse quarantine release "
            f"{spec.name} --file {first}"
        )
    return why


def why_too_far(
    spec: SourceSpec,
    file: LandedFile,
    own: datetime,
    last: datetime | None,
    reference: datetime | None,
) -> str | None:
    """Why `file` with the seal `own` is refused, if it is too far ahead of all other inputs.

    Years may lie between the files of a static lookup, so its landing counts as an input too.
    """
    landed = file.landed if spec.is_static else None
    newest = max((time for time in (last, reference, landed) if time), default=None)
    furthest = spec.seal_pattern.furthest
    if newest is None or own - newest < furthest:
        return None
    return (
        f"{TOO_FAR}: {own:%Y-%m-%d %H:%M} is {(own - newest) // DAY:,} days after "
        f"{newest:%Y-%m-%d %H:%M}, the latest time up to which any other input is complete; fewer "
        f"than {furthest // DAY:,} are allowed. Correct the name or, if it is right, declare "
        f"`seal_pattern: {{furthest: {(own - newest) // DAY + 1}d}}` in the YAML of {spec.name}"
    )


def from_manifest(spec: SourceSpec, entries: Sequence[Entry], after: int) -> list[Decision]:
    """The decisions with a number above `after`, from the manifest of a lake without a ledger."""
    decisions: list[Decision] = []
    seal: datetime | None = None
    for entry in entries:
        previous, loaded = seal, entry.status == "loaded" or _keeps_place(entry)
        seal = entry.seal if loaded or (entry.status == "skipped" and entry.seal) else seal
        decisions.append(
            Decision(
                number=entry.number,
                file=entry.file,
                status="loaded" if loaded else entry.status,
                bytes=entry.bytes,
                sha256=entry.sha256,
                previous=previous,
                own=spec.named_seal(entry.file) or entry.seal,
                seal=seal,
                reason=None if loaded else entry.reason,
            )
        )
    return [decision for decision in decisions if decision.number > after]
