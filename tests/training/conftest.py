"""A small payment lake made with SQL: a spine, labels, two feature sets, one load a day."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.lake import Author, Lake, Progress, qualified, write_progress
from lakehouse.models.spec import ModelSpec
from lakehouse.settings import Settings, load_settings

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)
MATURITY = timedelta(days=7)
PER_DAY = 60
VERSION = "0a1b2c3d"


def spec_values(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "detector",
        "description": "Finds fraud",
        "task": "binary",
        "spine": {
            "table": "core.fct_transactions",
            "key": "transaction_id",
            "entities": ["customer_id"],
        },
        "feature_sets": ["context", "risk"],
        "label": {"table": "core.fct_labels", "column": "is_fraud"},
        "split": {"test": "7d", "validation": "7d", "gap": "7d"},
        "params": {"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 5},
        "rounds": 20,
        "early_stopping": 5,
        "capacity": {"alerts": 5},
        "gates": [{"metric": "average_precision", "at_least": 0.3}],
    }
    return values | changes


def forecast_values(**changes: Any) -> dict[str, Any]:
    values = spec_values(
        name="forecast",
        task="regression",
        label={
            "stream": "core.fct_transactions",
            "entity": "customer_id",
            "value": "amount_eur",
            "horizon": "7d",
        },
        gates=[{"metric": "better_than_naive", "at_least": -5}],
        capacity=None,
    )
    return values | changes


def scenario_values(**changes: Any) -> dict[str, Any]:
    values = spec_values(
        name="scenario",
        task="multiclass",
        label={"table": "core.fct_labels", "column": "fraud_kind"},
        gates=[],
        capacity=None,
    )
    return values | changes


@dataclass
class World:
    """Writes the days of the lake; `day(n)` adds day n's rows with load n + 1."""

    lake: Lake
    per_day: int = PER_DAY

    def transactions(self, first: int, last: int) -> dict[str, Any]:
        """Columns of the transactions of the days first..last-1; they depend only on the
        arguments."""
        parts = [self._one_day(day) for day in range(first, last)]
        return {name: [v for part in parts for v in part[name]] for name in parts[0]}

    def _one_day(self, day: int) -> dict[str, list[Any]]:
        random = np.random.default_rng(day)
        n = self.per_day
        seconds = np.sort(random.choice(86_000, n, replace=False))
        times = [START + day * DAY + timedelta(seconds=int(s)) for s in seconds]
        amount = np.round(random.gamma(2, 20, n), 2)
        risk = random.integers(0, 5, n)
        fraud = (amount > 90) | ((risk == 4) & (random.random(n) < 0.6))
        return {
            "transaction_id": [day * n + i for i in range(n)],
            "customer_id": random.integers(0, 8, n).tolist(),
            "event_time": times,
            "known_at": times,
            "amount_eur": amount.tolist(),
            "channel": random.choice(["chip", "online", "contactless"], n).tolist(),
            "risk": [None if r == 0 else int(r) for r in risk],
            "is_fraud": fraud.tolist(),
            "fraud_kind": [("amount" if a > 90 else "terminal") for a in amount],
            "_load_id": [day + 1] * n,
        }

    def days(self, first: int, last: int) -> None:
        """Add the days first..last-1 in one commit, with the labels that had settled by then."""
        rows = pa.table(self.transactions(first, last))
        end = START + last * DAY
        seal = end - timedelta(microseconds=1)
        with self.lake.writer(Author("test")) as writer:
            writer.register("rows", rows)
            euro = "CAST(amount_eur AS DECIMAL(18, 2)) AS amount_eur"
            columns = f"* EXCLUDE (risk, is_fraud, fraud_kind) REPLACE ({euro})"
            self._append(writer, "core.fct_transactions", columns)
            key = "transaction_id, customer_id, event_time"
            self._append(
                writer, f"features.context__{VERSION}", f"{key}, amount_eur, channel, _load_id"
            )
            self._append(
                writer, f"features.risk__{VERSION}", f"{key}, risk, risk >= 3 AS risky, _load_id"
            )
            for name in ("context", "risk"):
                writer.execute(
                    f"CREATE VIEW IF NOT EXISTS {qualified(f'features.{name}')} AS "
                    f"FROM {qualified(f'features.{name}__{VERSION}')}"
                )
            writer.execute(
                "CREATE TABLE IF NOT EXISTS core.truth AS SELECT transaction_id, customer_id, "
                "event_time, is_fraud, fraud_kind FROM rows LIMIT 0"
            )
            writer.execute(
                "INSERT INTO core.truth SELECT transaction_id, customer_id, event_time, is_fraud, "
                "fraud_kind FROM rows"
            )
            writer.execute(
                """CREATE TABLE IF NOT EXISTS core.fct_labels (transaction_id BIGINT,
                customer_id BIGINT, event_time TIMESTAMP, known_at TIMESTAMP, is_fraud BOOLEAN,
                fraud_kind VARCHAR)"""
            )
            writer.execute(
                """INSERT INTO core.fct_labels SELECT transaction_id, customer_id, event_time,
                event_time + INTERVAL 7 DAY, is_fraud, CASE WHEN is_fraud THEN fraud_kind END
                FROM core.truth WHERE event_time <= ? AND event_time > coalesce(
                (SELECT max(event_time) FROM core.fct_labels), TIMESTAMP '2000-01-01')""",
                [seal - MATURITY],
            )
            for table in (
                "core.fct_transactions",
                "core.fct_labels",
                f"features.context__{VERSION}",
                f"features.risk__{VERSION}",
            ):
                write_progress(writer, table, Progress(last, seal))

    def _append(self, writer: Any, table: str, columns: str) -> None:
        writer.execute(
            f"CREATE TABLE IF NOT EXISTS {qualified(table)} AS SELECT {columns} FROM rows LIMIT 0"
        )
        writer.execute(f"INSERT INTO {qualified(table)} SELECT {columns} FROM rows")


def ask(lake: Lake, query: str, *values: object) -> list[tuple[Any, ...]]:
    with lake.reader() as cursor:
        return cursor.execute(query, [*values]).fetchall()


def change(lake: Lake, *statements: str) -> None:
    """Execute the statements in one commit."""
    with lake.writer(Author("test")) as writer:
        for statement in statements:
            writer.execute(statement)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One thread: OpenMP's threads busy-wait, which is slow on a loaded machine."""
    return load_settings({}, data_dir=tmp_path / "data", threads=1)


@pytest.fixture(scope="session")
def sixty_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a lake with sixty days, made once."""
    folder = tmp_path_factory.mktemp("sixty") / "data"
    with Lake(load_settings({}, data_dir=folder, threads=1)) as lake:
        World(lake).days(0, 60)
    return folder


@pytest.fixture
def world(sixty_days: Path, lake: Lake) -> World:
    """A lake with sixty days."""
    shutil.copytree(sixty_days, lake.settings.data_dir, dirs_exist_ok=True)
    return World(lake)


@pytest.fixture(scope="session")
def detector() -> Callable[..., ModelSpec]:
    return lambda **changes: ModelSpec(**spec_values(**changes))


@pytest.fixture(scope="session")
def forecast() -> Callable[..., ModelSpec]:
    return lambda **changes: ModelSpec(**forecast_values(**changes))


@pytest.fixture(scope="session")
def scenario() -> Callable[..., ModelSpec]:
    return lambda **changes: ModelSpec(**scenario_values(**changes))
