"""Gates: bounds that a version's metrics must meet, with the verdicts in `registry.gates`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from lakehouse.lake import Lake, layout, qualified, table_exists
from lakehouse.registry import tables


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict on one version; an undefined metric fails its gate."""

    gate: str
    metric: str
    value: float | None
    threshold: float
    passed: bool


def read_gates(
    cursor: duckdb.DuckDBPyConnection, model: str, version: str
) -> tuple[GateResult, ...]:
    """The recorded verdicts on one version, by name."""
    if not table_exists(cursor, layout.GATES):
        return ()
    rows = cursor.execute(
        f"SELECT gate, metric, value, threshold, passed FROM {qualified(layout.GATES)} "
        "WHERE model = ? AND version = ? ORDER BY gate",
        [model, version],
    ).fetchall()
    return tuple(GateResult(*row) for row in rows)


def list_gates(lake: Lake, model: str, version: str) -> tuple[GateResult, ...]:
    """The recorded verdicts on one version, by name."""
    with lake.reader() as cursor:
        return read_gates(cursor, model, version)


def write_gates(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    version: str,
    results: Sequence[GateResult],
    at: datetime,
) -> None:
    """Replace the verdicts on one version, in the open transaction; `at` is naive UTC."""
    writer.execute(
        f"DELETE FROM {qualified(layout.GATES)} WHERE model = ? AND version = ?", [model, version]
    )
    for result in results:
        row = {"model": model, "version": version, "judged_at": at, **vars(result)}
        tables.insert(writer, layout.GATES, row)
