"""The scores above which a version flagged, and since when: `registry.thresholds`.

`scoring` chooses a threshold; it is stored here, so that every decision can be explained and one
between two batches uses the threshold in force.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from lakehouse.lake import layout, qualified, read_columns, table_exists
from lakehouse.registry import tables


@dataclass(frozen=True)
class Threshold:
    """Rows from `valid_from` on (naive UTC, a midnight) are flagged above `threshold`.

    Of the scores equal to it the share `ties` is flagged, by lots drawn from their keys. `rule` is
    "capacity" for a trailing quantile: of `rows` scores on `days` days, `alerts_per_day` exceed it
    (both count units, if the capacity does; of a capacity a week, in the days of whole weeks).
    Otherwise it is the version's own threshold: "first" until a day (week) of scores exists, or
    "cost"; then the three are 0.
    """

    valid_from: datetime
    threshold: float
    rule: str
    days: int = 0
    rows: int = 0
    alerts_per_day: float = 0.0
    ties: float = 1.0


def find_thresholds(cursor: duckdb.DuckDBPyConnection, model: str, version: str) -> list[Threshold]:
    """The thresholds of one version, oldest first; each holds until the next."""
    if not table_exists(cursor, layout.THRESHOLDS):
        return []
    ties = "coalesce(ties, 1.0)" if "ties" in read_columns(cursor, layout.THRESHOLDS) else "1.0"
    rows = cursor.execute(
        f"SELECT valid_from, threshold, rule, days, rows, alerts_per_day, {ties} "
        f"FROM {qualified(layout.THRESHOLDS)} WHERE model = ? AND version = ? ORDER BY valid_from",
        [model, version],
    ).fetchall()
    return [Threshold(*row) for row in rows]


def threshold_at(
    cursor: duckdb.DuckDBPyConnection, model: str, version: str, time: datetime
) -> Threshold | None:
    """The threshold in force at `time` (naive UTC); None if the version had none by then."""
    return latest(find_thresholds(cursor, model, version), time)


def latest(thresholds: Iterable[Threshold], time: datetime) -> Threshold | None:
    """The last of `thresholds`, oldest first, that is valid at `time`; None if there is none."""
    return next((t for t in reversed([*thresholds]) if t.valid_from <= time), None)


def write_thresholds(
    writer: duckdb.DuckDBPyConnection,
    model: str,
    version: str,
    thresholds: Iterable[Threshold],
    run_id: str,
) -> None:
    """Add thresholds of one version, in the open transaction."""
    tables.create(writer)
    for threshold in thresholds:
        row = {"model": model, "version": version, "run_id": run_id, **vars(threshold)}
        tables.insert(writer, layout.THRESHOLDS, row)
