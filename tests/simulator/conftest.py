"""One small world, created once, and helpers that read worlds without the simulator's code."""

import gzip
import hashlib
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.world import create_world

START = date(2026, 3, 1)
DIRTY = {
    "duplicate": 0.02,
    "late": 0.03,
    "malformed": 0.01,
    "null_field": 0.01,
    "wrong_type": 0.01,
    "negative_amount": 0.01,
    "clock_skew": 0.01,
    "unknown_chargeback": 0.05,
}


def small_config(**settings: Any) -> WorldConfig:
    """A world of a few hundred transactions a day with much dirt."""
    defaults = {
        "start": START,
        "days": 40,
        "customers": 300,
        "terminals": 400,
        "dirt": DIRTY,
        "drift_days": 40,
        "wallet_day": 20,
        "truncated_day": 24,
    }
    return WorldConfig.model_validate({**defaults, **settings})


class WorldFiles:
    """The files of a world, read only with DuckDB, SQLite and gzip."""

    def __init__(self, folder: Path) -> None:
        self.world = folder / "world"
        self.landing = folder / "landing"

    def fingerprints(self) -> dict[str, str]:
        """A hash of every file that others read, and of the bank's content, by relative path."""
        folders = (self.landing, self.world / "api", self.world / "truth", self.world / "outbox")
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        hashes = {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
        hashes = {path.split("/world/")[-1].split("/landing/")[-1]: h for path, h in hashes.items()}
        with sqlite3.connect(self.world / "bank.sqlite") as bank:
            hashes["bank"] = hashlib.sha256("\n".join(bank.iterdump()).encode()).hexdigest()
        bank.close()
        return hashes

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `truth`."""
        with duckdb.connect() as connection:
            files = str(self.world / "truth" / "transactions" / "*.parquet")
            connection.execute("CREATE TABLE truth AS FROM read_parquet($files)", {"files": files})
            return connection.execute(sql).fetchall()

    def lines(self) -> list[tuple[str, str]]:
        """Every line of every readable transactions file, with the file's name, in order."""
        found = []
        for path in sorted((self.landing / "transactions").iterdir()):
            try:
                text = gzip.decompress(path.read_bytes()).decode()
            except EOFError:
                continue
            found += [(path.name, line) for line in text.splitlines()]
        return found


@pytest.fixture(scope="session")
def world_files(tmp_path_factory: pytest.TempPathFactory) -> WorldFiles:
    """The small world of 40 days."""
    folder = tmp_path_factory.mktemp("world")
    create_world(small_config(), folder / "world", folder / "landing")
    return WorldFiles(folder)


@pytest.fixture(scope="session")
def make_config() -> Callable[..., WorldConfig]:
    """Makes configs of small worlds; `world_files` has the one without any settings."""
    return small_config


@pytest.fixture(scope="session")
def read_world() -> Callable[[Path], WorldFiles]:
    """Reads the world in a folder."""
    return WorldFiles
