"""A hundred days of small increments with daily maintenance: nothing in the lake keeps growing.

The first days fill the week of snapshots that is kept; after that every figure must stay constant.
"""

import os
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.lake.maintenance import maintain
from lakehouse.lake.progress import Progress, write_progress
from lakehouse.lake.verify import verify_lake

DAYS = 100
STEADY_AFTER = 30
"""Days after which the figures must not grow: a week of snapshots, then a merge and its grace."""


def increment(lake: Lake, day: int) -> None:
    """One day's commits, of each kind in the graph."""
    with lake.writer(Author("raw/t")) as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS raw.t (day INTEGER, i BIGINT, s VARCHAR)")
        rows = "SELECT ?, range, md5(range::VARCHAR) FROM range(20)"
        cursor.execute(f"INSERT INTO raw.t {rows}", [day])
        write_progress(cursor, "raw.t", Progress(day, None))
    with lake.writer(Author("core/t")) as cursor:  # replaced by key, as dbt's delete+insert does
        cursor.execute("CREATE TABLE IF NOT EXISTS core.t AS FROM raw.t LIMIT 0")
        cursor.execute("DELETE FROM core.t WHERE i % 7 = ?", [day % 7])
        cursor.execute("INSERT INTO core.t FROM raw.t WHERE day = ? AND i % 7 = ?", [day, day % 7])
        write_progress(cursor, "core.t", Progress(day, None))
    with lake.writer(Author("monitoring/t")) as cursor:
        counts = "SELECT day, count(*) AS n FROM raw.t GROUP BY 1"
        cursor.execute(f"CREATE OR REPLACE TABLE monitoring.t AS {counts}")
    with lake.writer(Author("staging/t")) as cursor:
        cursor.execute("CREATE OR REPLACE VIEW staging.t AS SELECT * FROM raw.t")


def age_by_a_day(lake: Lake) -> None:
    """Age everything that has a time by one day."""
    with lake.cursor() as cursor:
        for table, column in (
            ("ducklake_snapshot", "snapshot_time"),
            ("ducklake_files_scheduled_for_deletion", "schedule_start"),
        ):
            cursor.execute(
                f"UPDATE __ducklake_metadata_lake.{table} SET {column} = strftime("
                f"{column}::TIMESTAMPTZ - INTERVAL 1 DAY, '%Y-%m-%d %H:%M:%S.%f+00')"
            )
    for path in Path(lake.settings.storage).rglob("*.parquet"):
        time = path.stat().st_mtime - 86_400
        os.utime(path, (time, time))


def measure(lake: Lake) -> dict[str, int]:
    catalog = Path(lake.settings.catalog.removeprefix("sqlite:"))
    storage = Path(lake.settings.storage)
    with lake.cursor() as cursor:
        tables = cursor.execute(
            "SELECT table_name FROM duckdb_tables() "
            "WHERE database_name = '__ducklake_metadata_lake' ORDER BY 1"
        ).fetchall()
        rows = {
            name: cursor.execute(f"SELECT count(*) FROM __ducklake_metadata_lake.{name}").fetchall()
            for (name,) in tables
        }
    return {
        "files": len(list(storage.rglob("*.parquet"))),
        "folders": len([path for path in storage.rglob("*") if path.is_dir()]),
        "bytes of hashes": sum(path.stat().st_size for path in storage.rglob("hashes-*")),
        "bytes of the catalog": catalog.stat().st_size,
        **{f"rows of {name}": int(counted[0][0]) for name, counted in rows.items()},
    }


@pytest.mark.slow
def test_the_lake_stops_growing_after_thirty_small_increments(lake: Lake) -> None:
    series: defaultdict[str, list[int]] = defaultdict(list)
    for day in range(DAYS):
        increment(lake, day)
        maintain(lake, now=datetime.now(UTC))
        for name, value in measure(lake).items():
            series[name].append(value)
        age_by_a_day(lake)
    grown = {
        name: values[:: DAYS // 10]
        for name, values in series.items()
        if max(values[STEADY_AFTER:]) > 1.1 * max(values[:STEADY_AFTER])
    }
    assert not grown
    assert lake.rows("raw.t") == 20 * DAYS
    done = verify_lake(lake, full=True)
    assert done.damage == []
