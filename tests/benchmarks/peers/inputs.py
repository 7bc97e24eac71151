"""The rows that all peers read, written once as Parquet.

`t` (event time) and `k` (known at) are microseconds since 1970, so that no peer has to interpret a
time zone. `is_fraud` of a transaction is its label: the twelve columns assume that a label is known
after exactly seven days, which is true of the handbook.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from lakehouse.lake import Lake
from tests.benchmarks.features import from_handbook
from tests.benchmarks.worlds import settings_of

CORE = {
    "transactions": "fct_transactions",
    "labels": "fct_labels",
    "reports": "fct_reports",
    "customer_days": "customer_days",
}
"""File names and tables of the layer `core`."""


def write_handbook(files: Path, folder: Path) -> int:
    """Write the handbook's rows; returns the number of transactions."""
    folder.mkdir(parents=True, exist_ok=True)
    db, _ = from_handbook(files)
    with db:
        for name in ("transactions", "labels"):
            _write(db, f"lake.core.{CORE[name]}", folder / f"{name}.parquet")
        return _count(db, "lake.core.fct_transactions")


def write_lake(data_dir: Path, folder: Path) -> int:
    """Write the core tables of a finished lake; returns the number of transactions."""
    folder.mkdir(parents=True, exist_ok=True)
    with Lake(settings_of(data_dir), read_only=True) as lake, lake.reader() as cursor:
        for name, table in CORE.items():
            _write(cursor, f"lake.core.{table}", folder / f"{name}.parquet")
        return _count(cursor, "lake.core.fct_transactions")


def core_tables(folder: Path) -> Mapping[str, Path]:
    """The files of a folder by the name of their core table."""
    return {CORE[file.stem]: file for file in sorted(folder.glob("*.parquet"))}


def _write(db: duckdb.DuckDBPyConnection, table: str, file: Path) -> None:
    db.execute(
        f"COPY (SELECT *, epoch_us(event_time) AS t, epoch_us(known_at) AS k FROM {table} "
        f"ORDER BY event_time) TO '{file}'"
    )


def _count(db: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
