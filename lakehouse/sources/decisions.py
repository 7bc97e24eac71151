"""Decisions about rows and files that were set aside: recorded permanently, never undone.

`discard` accepts the loss. `release` tries again: rejected rows are written to a new landing file
(`releasing.py`), a refused file is read again unchanged. Nothing leaves the quarantine.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Literal

import duckdb

from lakehouse.errors import LakehouseError
from lakehouse.lake import Author, Lake, fetch_value, qualified, quote, table_exists
from lakehouse.lake.layout import DECIDED_ROWS, DECISIONS, QUARANTINED
from lakehouse.settings import Settings
from lakehouse.sources import manifest
from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import LandedFile, Landing, sha256
from lakehouse.sources.releasing import land_rows, read_notes
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.undecided import (
    REASON_SQL,
    Undecided,
    describe_undecided,
    find_undecided,
    undecided_rows,
)

_COLUMNS = {
    "decision_id": "BIGINT",
    "decided_at": "TIMESTAMP",
    "who": "VARCHAR",
    "decision": "VARCHAR",
    "why": "VARCHAR",
    "source": "VARCHAR",
    "file": "VARCHAR",
    "kind": "VARCHAR",
    "load_id": "BIGINT",
    "refusal": "BIGINT",
    "reason": "VARCHAR",
    "rows": "BIGINT",
    "released_into": "VARCHAR",
}


class DecisionError(LakehouseError):
    """There is nothing to decide, or the choice does not allow this decision."""


@dataclass(frozen=True)
class Decision:
    """One decision about one file. Files that were decided together share a `decision_id`.

    `kind` is that of `Undecided`; `refusal` counts the file's refusals up to the one decided.
    `reason` limits the decision to rows with that reason; empty for all. `rows` is the number of
    decided rows; released ones are in the landing file `released_into`.
    """

    decision_id: int
    decided_at: datetime
    who: str
    decision: Literal["discard", "release"]
    why: str
    source: str
    file: str
    kind: str
    load_id: int | None
    refusal: int | None
    reason: str
    rows: int
    released_into: str


@dataclass(frozen=True)
class Choice:
    """The scope of a decision: a whole source, or only one `file`, one `reason`, or both."""

    file: str = ""
    reason: str = ""

    def __str__(self) -> str:
        file = f" in {self.file}" if self.file else ""
        return f"{file} with the reason {self.reason!r}" if self.reason else file


def list_decisions(lake: Lake, source: str = "") -> list[Decision]:
    """The decisions about `source`, or all decisions, newest first."""
    with lake.reader() as cursor:
        return _read(cursor, source)


def discard(
    spec: SourceSpec, lake: Lake, choice: Choice, *, who: str, why: str, now: datetime
) -> list[Decision]:
    """Accept the loss of what is undecided: the contract's check ignores it from now on.

    Raises:
        DecisionError: when nothing in `choice` is undecided.
    """
    with lake.writer(_author(spec, "discard", why)) as cursor:
        recorder = _Recorder(cursor, spec, choice, "discard", who, why, now)
        return recorder.write((found, recorder.rows(found), "") for found in recorder.found)


def release(
    spec: SourceSpec,
    lake: Lake,
    settings: Settings,
    choice: Choice,
    *,
    who: str,
    why: str,
    now: datetime,
) -> list[Decision]:
    """Try what is undecided again, under the current contract, with the source's next load.

    Rows that are not text in the file's encoding stay undecided. A release that was killed before
    it was recorded is recorded now, and lands nothing twice.

    Raises:
        DecisionError: when nothing in `choice` is undecided, or none of it can be tried again.
        LandingError: when a file is gone or altered, or the landing zone cannot be written.
    """
    landing = Landing(settings, spec.name)
    with lake.writer(_author(spec, "release", why)) as cursor:
        recorder = _Recorder(cursor, spec, choice, "release", who, why, now)
        files = _landed(landing, recorder, cursor, spec)
        notes = read_notes(landing)
        done: list[tuple[Undecided, set[int], str]] = []
        for found in recorder.found:
            if found.kind == "file":
                done.append((found, set(), ""))
            if found.kind != "rows":
                continue
            rows = recorder.rows(found)
            for into in set(notes.get(found.file, {}).values()):
                landed = {row for row in rows if notes[found.file].get(row) == into}
                if landed:
                    done.append((found, landed, into))
                    rows -= landed
            if rows:
                name, taken = land_rows(spec, landing, files[found.file], rows)
                if taken:
                    done.append((found, taken, name))
        if not done:
            raise DecisionError(
                f"nothing of {spec.name}{choice} can be released: a retry changes neither the "
                "number of rows nor the columns of a file, and rows that are not text in the "
                "file's encoding cannot be copied. Land a corrected file and discard this one: "
                f"lakehouse quarantine discard {spec.name}"
            )
        return recorder.write(done)


class _Recorder:
    """Records one decision in one transaction."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        spec: SourceSpec,
        choice: Choice,
        decision: Literal["discard", "release"],
        who: str,
        why: str,
        now: datetime,
    ) -> None:
        if not why.strip():
            raise DecisionError("give a reason with `--why`: it is recorded with the decision")
        self.cursor, self.spec, self.choice = cursor, spec, choice
        self.decision, self.who, self.why = decision, who, why
        self.now = now.astimezone(UTC).replace(tzinfo=None)
        undecided = find_undecided(cursor, spec)
        self.found = [found for found in undecided if self._is_chosen(found)]
        if not self.found:
            raise DecisionError(self._nothing_chosen(undecided))

    def _is_chosen(self, found: Undecided) -> bool:
        file, reason = self.choice.file, self.choice.reason
        return (not file or found.file == file) and (not reason or reason in found.reasons)

    def _nothing_chosen(self, undecided: list[Undecided]) -> str:
        text = f"nothing of {self.spec.name}{self.choice} is undecided"
        for recorded in _read(self.cursor, self.spec.name):
            if not self.choice.file or recorded.file == self.choice.file:
                text += f": {recorded.who} chose to {recorded.decision} {recorded.file} on "
                return text + f"{recorded.decided_at:%Y-%m-%d %H:%M} ({recorded.why})"
        known = "; ".join(map(describe_undecided, undecided[:5])) or "nothing"
        return f"{text}; awaiting a decision: {known}"

    def rows(self, found: Undecided) -> set[int]:
        """Numbers of the chosen undecided rows."""
        if found.kind != "rows":
            return set()
        rows = self.cursor.execute(
            f"{undecided_rows(self.cursor, 'q._row')} AND q._load_id = ? "
            f"AND (? = '' OR {REASON_SQL} = ?)",
            [self.spec.name, found.load_id, self.choice.reason, self.choice.reason],
        )
        return {row for (row,) in rows.fetchall()}

    def write(self, decided: Iterable[tuple[Undecided, set[int], str]]) -> list[Decision]:
        """Record the decisions and the rows that they cover."""
        done = list(decided)
        _create_tables(self.cursor)
        last = fetch_value(self.cursor, f"SELECT max(decision_id) FROM {qualified(DECISIONS)}")
        recorded = []
        for found, rows, into in done:
            recorded.append(
                Decision(
                    decision_id=(last or 0) + 1,
                    decided_at=self.now,
                    who=self.who,
                    decision=self.decision,
                    why=self.why,
                    source=self.spec.name,
                    file=found.file,
                    kind=found.kind,
                    load_id=found.load_id,
                    refusal=found.refusals or None,
                    reason=self.choice.reason,
                    rows=len(rows),
                    released_into=into,
                )
            )
        marks = ", ".join("?" * len(_COLUMNS))
        self.cursor.executemany(
            f"INSERT INTO {qualified(DECISIONS)} VALUES ({marks})",
            [astuple(one) for one in recorded],
        )
        for decision, (found, rows, _) in zip(recorded, done, strict=True):
            if rows:
                self.cursor.execute(
                    f"INSERT INTO {qualified(DECIDED_ROWS)} "
                    "SELECT ?, ?, unnest(CAST(? AS BIGINT[])) ORDER BY ALL",
                    [decision.decision_id, found.load_id, sorted(rows)],
                )
        return recorded


def _landed(
    landing: Landing, recorder: _Recorder, cursor: duckdb.DuckDBPyConnection, spec: SourceSpec
) -> dict[str, LandedFile]:
    """The landed files of the choice, unchanged since they were loaded."""
    present = {file.name: file for file in landing.files()}
    entries = manifest.read_entries(cursor, spec.name)
    for found in recorder.found:
        if found.kind in ("volume", "columns"):
            continue
        file = present.get(found.file)
        if file is None:
            raise LandingError(
                f"{found.file} is no longer in {landing.root}: put it back to release it, or "
                f"accept the loss: lakehouse quarantine discard {spec.name} --file {found.file}"
            )
        with landing.local(file) as path:
            if found.kind == "rows" and sha256(path) != entries[found.file].sha256:
                raise LandingError(
                    f"{found.file} in {landing.root} has other bytes than when it was loaded, so "
                    "its rows cannot be identified: put the original back, or land a correct file "
                    "under a new name and discard this one"
                )
    return present


def _create_tables(cursor: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f"{quote(name)} {type}" for name, type in _COLUMNS.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {qualified(DECISIONS)} ({columns})")
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {qualified(DECIDED_ROWS)} "
        "(decision_id BIGINT, _load_id BIGINT, _row BIGINT)"
    )


def _read(cursor: duckdb.DuckDBPyConnection, source: str) -> list[Decision]:
    if not table_exists(cursor, DECISIONS):
        return []
    found = cursor.execute(
        f"FROM {qualified(DECISIONS)} WHERE ? IN ('', source) "
        "ORDER BY decision_id DESC, file, load_id",
        [source],
    )
    return [Decision(*row) for row in found.fetchall()]


def _author(spec: SourceSpec, decision: str, why: str) -> Author:
    return Author(QUARANTINED, message=f"{decision} of {spec.name}: {why}")
