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

from lakehouse.lake import Author, Lake, qualified, table_exists
from lakehouse.lake.layout import CONTRACTS, CORE, DBT_BUILDS, FILES, PROGRESS, REPORTING
from lakehouse.orchestration.dbt.project import DbtProjectFiles

_INPUTS: dict[str, str] = {
    CORE: f"SELECT source, count(*), max(load_id), max(seal), sum(rows) FROM {FILES.sql} "
    "GROUP BY ALL ORDER BY ALL",
    # reports write progress too, but depend on the progress of core
    REPORTING: f"SELECT name, load_id, seal FROM {PROGRESS.sql} WHERE name LIKE '{CORE}.%' "
    "ORDER BY ALL",
}
_INPUT_TABLES: dict[str, str] = {CORE: FILES, REPORTING: PROGRESS}


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


def input_state(step: str, files: DbtProjectFiles, lake: Lake) -> str:
    """A hash of everything that the models of `step` depend on: project, settings and inputs."""
    with lake.reader() as cursor:
        inputs = (
            cursor.execute(_INPUTS[step]).fetchall()
            if table_exists(cursor, _INPUT_TABLES[step])
            else []
        )
        # a raw table rebuilt under another contract has no new load
        contracts = (
            cursor.execute(f"FROM {qualified(CONTRACTS)} ORDER BY ALL").fetchall()
            if step == CORE and table_exists(cursor, CONTRACTS)
            else []
        )
    return hashlib.sha256(f"{files.fingerprint}{inputs}{contracts}".encode()).hexdigest()[:16]


def load_build(lake: Lake, step: str) -> Build | None:
    """The last success of `step`; None if there was none."""
    with lake.reader() as cursor:
        if not table_exists(cursor, DBT_BUILDS):
            return None
        row = cursor.execute(
            f"SELECT state, built_at, models, checks FROM {qualified(DBT_BUILDS)} WHERE step = ?",
            [step],
        ).fetchone()
    return Build(row[0], row[1], row[2], json.loads(row[3])) if row else None


def save_build(
    lake: Lake,
    step: str,
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
        cursor.execute(f"DELETE FROM {qualified(DBT_BUILDS)} WHERE step = ?", [step])
        cursor.execute(
            f"INSERT INTO {qualified(DBT_BUILDS)} VALUES (?, ?, current_localtimestamp(), ?, ?)",
            [step, state, models, json.dumps(results)],
        )
