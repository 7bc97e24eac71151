"""A tiny raw lake for dbt: random days of dirty rows, as the loader would write them."""

import os
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.runner import run_dbt
from lakehouse.settings import load_settings

MICROSECOND = timedelta(microseconds=1)
START = datetime(2026, 1, 10)
META = "_file VARCHAR, _row BIGINT, _load_id BIGINT, _loaded_at TIMESTAMP, known_at TIMESTAMP"
COLUMNS = {
    "transactions": "transaction_id BIGINT, customer_id BIGINT, terminal_id BIGINT, "
    "event_time TIMESTAMP, amount DECIMAL(18,2), currency VARCHAR, channel VARCHAR",
    "chargebacks": "chargeback_id BIGINT, transaction_id BIGINT, fraud_kind VARCHAR",
    "exchange_rates": '"date" DATE, currency VARCHAR, rate DECIMAL(18,8)',
    "customers": "customer_id BIGINT, op VARCHAR, birth_year INTEGER, gender VARCHAR, "
    "country VARCHAR, segment VARCHAR, home_x DOUBLE, home_y DOUBLE, opened_at TIMESTAMP, "
    "updated_at TIMESTAMP",
    "terminals": "terminal_id BIGINT, op VARCHAR, merchant_name VARCHAR, "
    "merchant_category VARCHAR, country VARCHAR, x DOUBLE, y DOUBLE, opened_at TIMESTAMP, "
    "updated_at TIMESTAMP",
}


@dataclass(frozen=True)
class Load:
    """One file of `source`, complete through `seal`; the last value of each row is its known-at."""

    source: str
    load_id: int
    seal: datetime
    rows: list[tuple[Any, ...]]


@dataclass
class World:
    """The files of the sources so far, day by day; the same seed gives the same files."""

    seed: int
    loads: list[Load] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.transactions: list[tuple[Any, ...]] = []
        self.chargebacks: list[tuple[Any, ...]] = []
        self.versions: dict[tuple[str, int], datetime] = {}

    def send(self, source: str, through: int) -> list[Load]:
        """The next files of `source` up to day number `through`, exclusive."""
        new = []
        for day in range(self.sent[source], through):
            begin = START + timedelta(days=day)
            rows = getattr(self, f"_{source}")(day, begin)
            load_id = len(self.loads) + 1
            new.append(Load(source, load_id, begin + timedelta(days=1) - MICROSECOND, rows))
            self.loads.append(new[-1])
        self.sent[source] = max(through, self.sent[source])
        return new

    def of(self, source: str) -> list[Load]:
        return [load for load in self.loads if load.source == source]

    def seal(self, source: str) -> datetime:
        return max(load.seal for load in self.of(source))

    def _moment(self, begin: datetime) -> datetime:
        """A random time of the day that often equals another one, its edges included."""
        second = self.random.choice([0, 1, 3600, 43200, 86399, self.random.randrange(86400)])
        return begin + timedelta(seconds=second, microseconds=self.random.choice([0, 999_999]))

    def _transactions(self, day: int, begin: datetime) -> list[tuple[Any, ...]]:
        draw, rows = self.random, []
        for number in range(12):
            known_at = self._moment(begin)
            event_time = known_at
            if draw.random() < 0.25:  # late
                event_time -= timedelta(
                    days=draw.choice([1, 2, 16, 16]), seconds=draw.randrange(99)
                )
            elif draw.random() < 0.1:  # a clock that is fast
                event_time += timedelta(hours=draw.randrange(1, 48))
            amount = Decimal(draw.randrange(-200, 99999)) / 100
            currency = draw.choice(["EUR", "EUR", " usd", "JPY", "XXX", "?"])
            channel = draw.choice(["chip", "Online ", None])
            key = day * 100 + number
            row = (key, draw.randrange(4), draw.randrange(3), event_time, amount, currency, channel)
            rows.append((*row, known_at))
        if self.transactions:  # delivered again: unchanged, and with another amount and time
            for row in draw.choices(self.transactions, k=2):
                rows.append((*row[:-1], self._moment(begin)))
            repeated = draw.choice(self.transactions)
            at = self._moment(begin)
            rows.append((*repeated[:3], at, Decimal("1.00"), "EUR", "chip", at))
        rows.append((None, 1, 1, begin, Decimal(1), "EUR", "chip", begin))
        rows.append(rows[0])
        self.transactions += rows
        return rows

    def _chargebacks(self, day: int, begin: datetime) -> list[tuple[Any, ...]]:
        draw, rows = self.random, []
        for number in range(4):
            # also for later days: a report may arrive before its transaction
            about = max(0, day - draw.choice([-3, -2, -2, -1, -1, 0, 0, 1, 2, 5, 13, 14, 15])) * 100
            key = about + draw.randrange(14)
            known_at = self._moment(begin)
            rows.append((day * 100 + number, key, draw.choice(["card_testing", "Other"]), known_at))
        if self.chargebacks:
            rows.append((*draw.choice(self.chargebacks)[:-1], self._moment(begin)))
        self.chargebacks += rows
        return rows

    def _exchange_rates(self, day: int, begin: datetime) -> list[tuple[Any, ...]]:
        rows = []
        for currency in ("USD", "JPY"):
            of = self.random.choice([begin.date(), begin.date(), begin.date() - timedelta(days=3)])
            rate = Decimal(self.random.randrange(1, 10**8)) / 10**8
            rows.append((of, currency, rate, begin + timedelta(hours=self.random.choice([0, 15]))))
        return rows

    def _customers(self, day: int, begin: datetime) -> list[tuple[Any, ...]]:
        draw, rows = self.random, []
        for key in range(4) if day == 0 else draw.choices(range(5), k=2):
            known_at = self._moment(begin) if day else begin
            op = "delete" if day and draw.random() < 0.25 else "upsert"
            segment = draw.choice(["young", "Old "])
            changed = (known_at - timedelta(days=draw.choice([0, 0, 0, 4]))).replace(microsecond=0)
            attributes = (1980, "f", "fr", segment, 0.5, 1.5, START, changed)
            rows.append((key, op, *attributes, known_at))
        return rows

    def _terminals(self, day: int, begin: datetime) -> list[tuple[Any, ...]]:
        return [
            (key, op, name, category, "fr", x, y, opened, changed, known_at)
            for key, op, _, _, name, category, x, y, opened, changed, known_at in self._customers(
                day, begin
            )
        ]


class DbtLake:
    """A lake in a folder, with dbt as the graph runs it, or as a person would."""

    def __init__(self, folder: Path) -> None:
        self.settings = load_settings({}, data_dir=folder)
        self.files = DbtProjectFiles(self.settings)
        self.target = self.files.target

    def create_tables(self) -> None:
        with Lake(self.settings) as lake, lake.writer(Author("test")) as cursor:
            for source, columns in COLUMNS.items():
                cursor.execute(f"CREATE TABLE raw.{source} ({columns}, {META})")
            cursor.execute(
                "CREATE TABLE ops.files (source VARCHAR, load_id BIGINT, seal TIMESTAMP)"
            )

    def load(self, loads: list[Load]) -> None:
        with Lake(self.settings) as lake, lake.writer(Author("test")) as cursor:
            for load in loads:
                cursor.execute(
                    "INSERT INTO ops.files VALUES (?, ?, ?)", [load.source, load.load_id, load.seal]
                )
                rows = [
                    (*row[:-1], "f", number, load.load_id, load.seal, row[-1])
                    for number, row in enumerate(load.rows)
                ]
                marks = ", ".join("?" * len(rows[0]))
                cursor.executemany(f"INSERT INTO raw.{load.source} VALUES ({marks})", rows)

    def dbt(self, *arguments: str, **variables: object) -> None:
        """Run dbt inside this process; the test fails when dbt does."""
        named = {"run_id": "run-of-the-test", **variables}
        list(run_dbt(self.files, arguments, named, self.target / "run"))

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """The command and environment of a dbt run typed by hand."""
        dbt = [str(Path(sys.executable).parent / "dbt"), *arguments, "--no-use-colors"]
        project = str(self.files.directory)
        places = {
            "DBT_PROJECT_DIR": project,
            "DBT_PROFILES_DIR": project,
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target / "logs"),
        }
        return dbt, {**os.environ, **self.settings.environment(), **places}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.query_each([sql])[0]

    def query_each(self, queries: Iterable[str]) -> list[list[tuple[Any, ...]]]:
        """The rows of each query; opens the lake once."""
        with Lake(self.settings, read_only=True) as lake, lake.reader() as cursor:
            return [cursor.execute(sql).fetchall() for sql in queries]

    def snapshot(self) -> int:
        with Lake(self.settings, read_only=True) as lake:
            return lake.snapshot()


@pytest.fixture(scope="session")
def new_dbt_lake(new_data_dir: Callable[[], Path]) -> Iterator[Callable[[], DbtLake]]:
    """Makes lakes with empty raw tables."""

    def make() -> DbtLake:
        dbt_lake = DbtLake(new_data_dir())
        dbt_lake.create_tables()
        return dbt_lake

    return make


@pytest.fixture(scope="session")
def new_world() -> Callable[[int], World]:
    return World
