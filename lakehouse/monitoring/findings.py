"""Findings of monitoring as verdicts: one per check and look, passed or failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import duckdb

from lakehouse.lake import layout, qualified, table_exists
from lakehouse.monitoring import tables

Severity = Literal["warn", "error"]


@dataclass(frozen=True)
class Finding:
    """One check of one look, about the rows up to and including `day`.

    `passed` is None if nothing could be judged, and `cause` gives the reason. `value` and `bound`
    are those of the worst case; None if undefined. `cause` and `remedy` are empty if the check
    passed. `rollback`: an earlier version is likely to do better, because the fault lies with the
    version; nothing here rolls back.
    """

    name: str
    day: date
    passed: bool | None
    value: float | None = None
    bound: float | None = None
    severity: Severity = "warn"
    cause: str = ""
    remedy: str = ""
    rollback: bool = False

    @property
    def failed(self) -> bool:
        """Whether the check failed."""
        return self.passed is False


def not_judged(name: str, day: date, reason: str) -> Finding:
    """A finding without a verdict, with the reason: it blocks nothing, and is not green either."""
    return Finding(name, day, None, cause=f"not judged: {reason}")


def replace_findings(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    version: str,
    findings: Sequence[Finding],
    run_id: str,
) -> None:
    """Store `findings`, replacing those of the same day and name, in the open transaction."""
    tables.create(writer, layout.FINDINGS)
    for day in {finding.day for finding in findings}:
        names = [finding.name for finding in findings if finding.day == day]
        writer.execute(
            f"DELETE FROM {qualified(layout.FINDINGS)} "
            "WHERE model = ? AND version = ? AND day = ? AND list_contains(?, name)",
            [model, version, day, names],
        )
    shared = {"model": model, "version": version, "run_id": run_id}
    tables.insert(writer, layout.FINDINGS, [{**vars(one), **shared} for one in findings])


def newest_findings(
    cursor: duckdb.DuckDBPyConnection, model: str, version: str
) -> tuple[Finding, ...]:
    """The newest verdict of each check on this version, by name."""
    if not table_exists(cursor, layout.FINDINGS):
        return ()
    rows = cursor.execute(
        "SELECT name, day, passed, value, bound, severity, cause, remedy, rollback "
        f"FROM {qualified(layout.FINDINGS)} WHERE model = ? AND version = ? "
        "QUALIFY day = max(day) OVER (PARTITION BY name) ORDER BY name",
        [model, version],
    ).fetchall()
    return tuple(Finding(*row) for row in rows)
