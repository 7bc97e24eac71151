"""When dbt can be skipped: the state of a step's inputs at its last success.

Stored in the lake itself, so that deleting or restoring a lake includes it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import duckdb

from lakehouse.lake import Author, Lake, current_snapshot, qualified, table_exists
from lakehouse.lake.layout import CONTRACTS, DBT_BUILDS, FILES, PROGRESS
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.steps import Step, inputs_of

_STATES = {
    FILES: "SELECT source, count(*), max(load_id), max(seal), sum(rows) FROM {table} "
    "WHERE source IN (SELECT unnest($sources)) GROUP BY ALL ORDER BY ALL",
    # a raw table rebuilt under another contract has no new load
    CONTRACTS: "FROM {table} WHERE source IN (SELECT unnest($sources)) ORDER BY ALL",
    PROGRESS: "SELECT name, load_id, seal FROM {table} "
    "WHERE name IN (SELECT unnest($tables)) ORDER BY ALL",
}
"""The state of a step's inputs, by the table that records it."""


@dataclass(frozen=True)
class Build:
    """A step's last success: its input state, its models as built, the results of its checks."""

    state: str
    built_at: datetime
    models: list[str]
    checks: list[dict[str, Any]]

    def results(self) -> Iterator[dg.AssetCheckResult]:
        """Repeat the results, marked as those of the earlier build."""
        for check in self.checks:
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(check["asset"]),
                check_name=check["name"],
                passed=check["passed"],
                severity=dg.AssetCheckSeverity(check["severity"]),
                metadata={"checked_at": dg.MetadataValue.text(f"{self.built_at:%Y-%m-%d %H:%M}")},
                description="No input has changed since this check last ran.",
            )


def input_state(step: Step, files: DbtProjectFiles, cursor: duckdb.DuckDBPyConnection) -> str:
    """A hash of everything that the models of `step` depend on: project, settings and inputs.

    It differs with every snapshot for a step that reads tables whose progress is not recorded.
    """
    inputs = inputs_of(step.models, files.manifest)
    names = {"sources": list(inputs.sources), "tables": list(inputs.tables)}
    states = [
        cursor.execute(
            query.format(table=qualified(table)),
            {name: value for name, value in names.items() if f"${name}" in query},
        ).fetchall()
        for table, query in _STATES.items()
        if table_exists(cursor, table)
    ]
    unrecorded = current_snapshot(cursor) if inputs.others else None
    state = f"{files.fingerprint}{states}{unrecorded}"
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def load_build(cursor: duckdb.DuckDBPyConnection, step: Step) -> Build | None:
    """The last success of `step`; None if there was none."""
    if not table_exists(cursor, DBT_BUILDS):
        return None
    row = cursor.execute(
        f"SELECT state, built_at, models, checks FROM {qualified(DBT_BUILDS)} WHERE step = ?",
        [step.name],
    ).fetchone()
    return Build(row[0], row[1], row[2], json.loads(row[3])) if row else None


def save_build(
    lake: Lake,
    step: Step,
    state: str,
    models: list[str],
    checks: list[dg.AssetCheckResult],
    author: Author,
) -> None:
    """Store a success of `step`, replacing the previous one.

    `models` are its tables (`schema.name`) in build order, the only order that Dagster accepts.
    """
    results = [
        {
            "asset": list(check.asset_key.path) if check.asset_key else [],
            "name": check.check_name,
            "passed": check.passed,
            "severity": check.severity.value,
        }
        for check in checks
    ]
    with lake.writer(author) as cursor:
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {qualified(DBT_BUILDS)} "
            "(step VARCHAR, state VARCHAR, built_at TIMESTAMP, models VARCHAR[], checks VARCHAR)"
        )
        cursor.execute(f"DELETE FROM {qualified(DBT_BUILDS)} WHERE step = ?", [step.name])
        cursor.execute(
            f"INSERT INTO {qualified(DBT_BUILDS)} VALUES (?, ?, current_localtimestamp(), ?, ?)",
            [step.name, state, models, json.dumps(results)],
        )
