"""Brings a feature table up to date: processes new rows in bounded batches, one commit each.

A spine row is processed once, when all inputs are complete up to its load's seal. Its features are
then final, and rows that become known later change none of them. So a full refresh gives the same
table as the sum of its increments.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from lakehouse.errors import Transient
from lakehouse.features import declared, versions
from lakehouse.features.compile import Plan
from lakehouse.features.computation import RESULT, compute
from lakehouse.features.expressions import FeatureError
from lakehouse.features.jobs import Bounds
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import (
    ALWAYS,
    CATALOG,
    NO_PROGRESS,
    Author,
    Lake,
    Progress,
    all_progress,
    describe_seal,
    fetch_value,
    qualified,
    quote,
    read_progress,
    table_exists,
    write_progress,
)
from lakehouse.lake.layout import FILES

BYTES_PER_ROW = 1800
"""Memory per spine row of a batch, which is one commit."""
BYTES_PER_ROW_AT_ONCE = 4000
"""Memory per spine row of which windows are computed at once, outside DuckDB. Measured: a set of 18
features takes about 500 bytes, so this is an eighth of the memory setting."""


class ConcurrentRefresh(FeatureError, Transient):
    """Another process brought the same table up to date; a retry continues from there."""


@dataclass(frozen=True)
class HeldBack:
    """An input that is complete only until `seal` (None: it has none yet), before `needed`."""

    table: str
    seal: datetime | None
    needed: datetime


@dataclass(frozen=True)
class RefreshReport:
    """The result of a refresh: `rows_added` rows computed, `waiting` spine rows not yet final.

    `reason` is a sentence about why rows wait, or why there was nothing to write; otherwise empty.
    """

    table: str
    version: str
    rows_added: int
    rows_total: int
    waiting: int
    held_back: tuple[HeldBack, ...]
    """The inputs that the first waiting load waits for."""
    reason: str
    seal: datetime | None
    snapshot: int
    seconds: float


@dataclass(frozen=True)
class _Load:
    id: int
    rows: int
    seal: datetime


def refresh(
    spec: FeatureSetSpec,
    lake: Lake,
    *,
    spine: str | None = None,
    run_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
    batch: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> RefreshReport:
    """Add the spine rows that are final and not yet in the table.

    Args:
        spec: The feature set; each of its spines needs a separate call.
        lake: The lake with the inputs and the table.
        spine: The name of the spine; the first one by default.
        run_id: Stored in the commit.
        since: With `until` (each may be missing; naive UTC): first recompute the rows that
            events in [since, until) can affect, and replace them in one commit.
        until: See `since`.
        full_refresh: Recompute the whole table, and replace it in one commit.
        batch: Spine rows per batch; by default as many as fit in `memory_limit`.
        progress: Called with one line per batch.

    Raises:
        NoSuchTable, FeatureError: for inputs that are missing or do not fit the declaration.
    """
    redo = _Redo(since, until, full_refresh)
    return _refresh(
        lambda cursor: versions.load_plan(spec, cursor, spine),
        *(lake, run_id, redo, batch, progress),
        current=True,
    )


def refresh_old_version(
    table: str,
    lake: Lake,
    *,
    run_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
    batch: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> RefreshReport:
    """`refresh` for a version that is no longer declared, from its stored declaration.

    `table` is `features.<set>__<version>`; the set's view still shows the current version.

    Raises:
        NoSuchTable, FeatureError: when it can no longer be computed as before, with the reason.
    """
    redo = _Redo(since, until, full_refresh)
    return _refresh(
        lambda cursor: declared.declared_plan(cursor, table),
        *(lake, run_id, redo, batch, progress),
        current=False,
    )


def _refresh(
    load_plan: Callable[[duckdb.DuckDBPyConnection], Plan],
    lake: Lake,
    run_id: str,
    redo: "_Redo",
    batch: int | None,
    progress: Callable[[str], None] | None,
    *,
    current: bool,
) -> RefreshReport:
    started = time.monotonic()
    with lake.cursor() as cursor:
        cursor.execute("BEGIN")  # the loads to process, and the snapshot to read
        plan = load_plan(cursor)
        author = Author(versions.table_name(plan), run_id)
        size = batch or max(1, lake.settings.memory_bytes // BYTES_PER_ROW)
        job = _Job(plan, lake, cursor, author, size, progress, current)
        outcome = job.run(redo)
        if outcome.reason:
            job.report(outcome.reason)
        total, snapshot = cursor.execute(
            f"SELECT (SELECT count(*) FROM {qualified(job.table)}), id "
            f"FROM {quote(CATALOG)}.current_snapshot()"
        ).fetchall()[0]
    return RefreshReport(
        table=job.table,
        version=plan.version,
        rows_added=job.added,
        rows_total=total,
        waiting=outcome.waiting,
        held_back=outcome.held_back,
        reason=outcome.reason,
        seal=outcome.seal,
        snapshot=snapshot,
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True)
class _Outcome:
    """What a refresh leaves: see `RefreshReport`."""

    waiting: int
    held_back: tuple[HeldBack, ...]
    reason: str
    seal: datetime | None


@dataclass(frozen=True)
class _Redo:
    """What to recompute: the rows of [since, until), or all rows."""

    since: datetime | None
    until: datetime | None
    full: bool


@dataclass
class _Job:
    """One refresh: reads and computes on `cursor`, commits on separate writers.

    `current`: whether the set's view shows this version once it is up to date.
    """

    plan: Plan
    lake: Lake
    cursor: duckdb.DuckDBPyConnection
    author: Author
    batch: int
    progress: Callable[[str], None] | None
    current: bool
    added: int = 0
    snapshot: int = 0
    has_results: bool = False
    """Whether there are uncommitted results."""

    @property
    def table(self) -> str:
        return versions.table_name(self.plan)

    def run(self, redo: _Redo) -> _Outcome:
        """Bring the table up to date."""
        self.snapshot = fetch_value(self.cursor, f"FROM {quote(CATALOG)}.current_snapshot()")
        progress = all_progress(self.cursor)
        exists = table_exists(self.cursor, self.table)
        done = progress[self.table] if exists else NO_PROGRESS
        rebuild = redo.full and exists
        loads = _loads(self.cursor, self.plan, 0 if rebuild else done.load_id)
        limit = _complete_until(progress, self.plan)
        ready = [load for load in loads if load.seal <= limit]
        # a rebuild starts from no progress; otherwise a seal that was withdrawn would remain
        before = NO_PROGRESS if rebuild else done
        goal = _goal(progress[self.plan.spine.table].seal, before, loads, ready, limit)
        is_shown = not self.current or versions.is_current(self.cursor, self.plan)
        is_shown = is_shown and declared.is_declared(self.cursor, self.table)
        self.cursor.execute("COMMIT")
        if exists and not rebuild and (redo.since or redo.until):
            self.replace(done, redo.since, redo.until)
        if rebuild:
            self.compute(0, goal.load_id, ready)
            self.commit(done, goal, f"DELETE FROM {qualified(self.table)}")
        else:
            for group in _groups(ready, self.batch):
                last = group[-1]
                reached = goal if last is ready[-1] else Progress(last.id, last.seal)
                self.compute(done.load_id, reached.load_id, group)
                self.commit(done, reached, final=last is ready[-1])
                done = reached
            if done != goal or not exists or not is_shown:
                self.commit(done, goal)
        waiting = loads[len(ready) :]
        rows = sum(load.rows for load in waiting)
        held_back = _held_back(progress, self.plan, waiting)
        reason = ""
        if waiting or not self.added:
            reason = _reason(self.plan, rows, held_back, progress[self.plan.spine.table])
        return _Outcome(rows, held_back, reason, goal.seal)

    def replace(self, done: Progress, since: datetime | None, until: datetime | None) -> None:
        """Recompute the rows of finished loads that rows known in [since, until) can affect."""
        start = since or datetime.min
        end = until + self.plan.spec.longest_window if until else datetime.max
        rows = self._compute(Bounds(up_to=done.load_id, start=start, end=end))
        self.report(f"recomputed {rows} rows from {start} to {end}")
        key = quote(self.plan.spine.key)
        self.commit(
            done,
            done,
            f"DELETE FROM {qualified(self.table)} "
            f"WHERE {key} IN (SELECT {key} FROM temp.main.{RESULT}) "
            "OR (event_time >= ? AND event_time < ?)",
            [start, end],
        )

    def compute(self, after: int, up_to: int, loads: Sequence[_Load]) -> None:
        """Compute the loads in (after, up_to] and reconcile the number of rows with the spine's."""
        expected = sum(load.rows for load in loads)

        def report(rows: int) -> None:
            self.report(f"computed {rows} of {expected} rows of loads {after + 1} to {up_to}")

        rows = self._compute(Bounds(after=after, up_to=up_to), report)
        if rows != expected:
            raise FeatureError(
                f"{self.table}: {rows} rows were computed for {expected} rows of "
                f"{self.plan.spine.table} in loads {after + 1} to {up_to}; fill in "
                f"{self.plan.spine.time} where it is missing, and refresh again"
            )

    def commit(
        self,
        done: Progress,
        reached: Progress,
        delete: str = "",
        parameters: Sequence[Any] = (),
        *,
        final: bool = True,
    ) -> None:
        """Write the computed rows and the progress in one short commit."""
        columns = ", ".join(map(quote, versions.result_types(self.plan)))
        key = quote(self.plan.spine.key)
        with self.lake.writer(self.author, self.cursor) as writer:
            versions.create_table(writer, self.plan)
            if read_progress(writer, self.table) != done:
                raise ConcurrentRefresh(
                    f"another refresh of {self.table} finished in the meantime; nothing was "
                    "written, run this one again"
                )
            if delete:
                writer.execute(delete, parameters)
            if self.has_results:
                writer.execute(
                    f"INSERT INTO {qualified(self.table)} ({columns}) "
                    f"SELECT {columns} FROM temp.main.{RESULT} ORDER BY event_time, {key}"
                )
            write_progress(writer, self.table, reached)
            if final:
                declared.declare(writer, self.plan)
            if final and self.current:
                versions.make_current(writer, self.plan)
        self.cursor.execute(f"DROP TABLE IF EXISTS temp.main.{RESULT}")
        self.has_results = False

    def _compute(self, bounds: Bounds, on_rows: Callable[[int], None] | None = None) -> int:
        where, parameters = bounds.where(self.plan.spine.time)
        at_once = self.lake.settings.memory_bytes // BYTES_PER_ROW_AT_ONCE
        rows = compute(
            self.plan,
            self.cursor,
            parameters=parameters,
            where=where,
            snapshot=self.snapshot,
            bucket=max(1, min(self.batch, at_once)),
            on_rows=on_rows,
        )
        self.added += rows
        self.has_results = True
        return rows

    def report(self, text: str) -> None:
        """Pass a line about the table to `progress`."""
        if self.progress:
            self.progress(f"{self.table}: {text}")


def _loads(cursor: duckdb.DuckDBPyConnection, plan: Plan, after: int) -> list[_Load]:
    """The spine's loads after `after`: rows, and the seal up to which the source was complete.

    Without a manifest (a spine that no loader made), a load's newest row serves as its seal.
    """
    table = plan.spine.table
    if "_load_id" not in plan.spine_columns:
        raise FeatureError(
            f"spine {table} has no column _load_id, which identifies new rows; add it"
        )
    time_column = quote("known_at" if "known_at" in plan.spine_columns else plan.spine.time)
    seals = "SELECT CAST(NULL AS BIGINT) AS load_id, CAST(NULL AS TIMESTAMP) AS seal LIMIT 0"
    if table_exists(cursor, FILES):
        seals = f"SELECT load_id, max(seal) AS seal FROM {qualified(FILES)} GROUP BY load_id"
    rows = cursor.execute(
        f"""SELECT _load_id, n, coalesce(seal, newest)
            FROM (SELECT _load_id, count(*) AS n, max({time_column}) AS newest
                  FROM {qualified(table)} WHERE _load_id > ? GROUP BY _load_id)
            LEFT JOIN ({seals}) ON load_id = _load_id ORDER BY _load_id""",
        [after],
    ).fetchall()
    return [_Load(*row) for row in rows]


def _complete_until(progress: Mapping[str, Progress], plan: Plan) -> datetime:
    """The smallest seal of all inputs; the minimum datetime if any input has none.

    Static lookups, whose seal is `ALWAYS`, hold nothing back.
    """
    seals = [progress[table].seal for table in plan.inputs]
    return min((seal or datetime.min for seal in seals), default=datetime.max)


def _held_back(
    progress: Mapping[str, Progress], plan: Plan, waiting: Sequence[_Load]
) -> tuple[HeldBack, ...]:
    """The inputs that are not complete up to the seal of the first waiting load."""
    if not waiting:
        return ()
    needed = waiting[0].seal
    seals = {table: progress[table].seal for table in plan.inputs}
    return tuple(
        HeldBack(table, seal, needed)
        for table, seal in seals.items()
        if seal is None or seal < needed
    )


def _reason(plan: Plan, rows: int, held_back: Sequence[HeldBack], spine: Progress) -> str:
    """Why rows wait; without waiting rows, why there was nothing to write."""
    table = plan.spine.table
    if not held_back:
        return f"nothing to write: {table} has no new rows, and {describe_seal(spine.seal)}"
    inputs = " and ".join(f"{one.table}, which {describe_seal(one.seal)}" for one in held_back)
    it = "it is" if len(held_back) == 1 else "they are"
    return (
        f"{rows:,} rows of {table} wait for {inputs}; the next of them are final when {it} "
        f"complete until {held_back[0].needed}"
    )


def _goal(
    spine_seal: datetime | None,
    done: Progress,
    loads: Sequence[_Load],
    ready: Sequence[_Load],
    limit: datetime,
) -> Progress:
    """Progress after a refresh. If rows wait, the table is complete up to the last ready load."""
    seal = ready[-1].seal if ready else done.seal
    if len(ready) == len(loads) and spine_seal is not None and limit > datetime.min:
        reached = min(spine_seal, limit)
        seal = reached if reached < ALWAYS else seal
    if done.seal is not None and (seal is None or seal < done.seal):
        seal = done.seal
    return Progress(ready[-1].id if ready else done.load_id, seal)


def _groups(loads: Sequence[_Load], batch: int) -> list[list[_Load]]:
    """Consecutive loads grouped to at most `batch` rows, with at least one load per group."""
    groups: list[list[_Load]] = []
    size = 0
    for load in loads:
        if not groups or size + load.rows > batch:
            groups.append([])
            size = 0
        groups[-1].append(load)
        size += load.rows
    return groups
