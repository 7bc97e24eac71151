"""A lake with only rows, labels and predictions: no features, no training.

`Bench` writes days of a spine with labels that settle a week later. `skill` sets a version's
predictions: how far the scores of positives lie above those of negatives, in standard deviations of
the noise; or the values themselves.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from lakehouse.lake import Author, Lake, Progress, write_progress
from lakehouse.lake.layout import shadow_table
from lakehouse.models import ModelSpec, Split
from lakehouse.registry import Version, promote, start_shadow
from lakehouse.registry.versions import register
from lakehouse.scoring.log import in_control, output_types

START = datetime(2026, 1, 5)  # a Monday
DAY = timedelta(days=1)
GAP = timedelta(days=7)
PROMISED = 0.5
CLASSES = ("amount", "card", "terminal")

BASE: dict[str, Any] = {
    "name": "detector",
    "description": "Finds fraud",
    "task": "binary",
    "spine": {
        "table": "core.fct_transactions",
        "key": "transaction_id",
        "entities": ["customer_id", "terminal_id"],
    },
    "feature_sets": ["context"],
    "label": {"table": "core.fct_labels", "column": "is_fraud"},
    "split": {"gap": "7d"},
    "capacity": {"alerts": 5},
    "judging": {"repeats": 40},
    "promotion": {"rule": "shadow"},
}
REGRESSION = {
    "name": "forecast",
    "task": "regression",
    "label": {
        "stream": "core.fct_transactions",
        "entity": "customer_id",
        "value": "amount_eur",
        "horizon": "7d",
    },
    "capacity": None,
}
MULTICLASS = {
    "name": "scenario",
    "task": "multiclass",
    "label": {"table": "core.fct_labels", "column": "kind"},
    "capacity": None,
}


def make_spec(**changes: Any) -> ModelSpec:
    return ModelSpec(**{**BASE, **changes})


def midnight(day: int) -> datetime:
    return START + day * DAY


def on(day: int) -> date:
    return midnight(day).date()


def at(day: int) -> datetime:
    """Noon of that day, in UTC."""
    return (midnight(day) + timedelta(hours=12)).replace(tzinfo=UTC)


@dataclass
class Bench:
    """`per_day` rows a day, with increasing keys; a fifth of them positive."""

    lake: Lake
    spec: ModelSpec
    per_day: int = 60
    numbers: dict[str, int] = field(default_factory=dict)

    def truth(self, days: range) -> dict[str, np.ndarray]:
        """The rows of these days with their outcomes; the same on every call."""
        parts = []
        for day in days:
            random = np.random.default_rng(day)
            n = self.per_day
            parts.append(
                {
                    "transaction_id": day * n + np.arange(n),
                    "customer_id": random.integers(0, 30, n),
                    "terminal_id": random.integers(0, 30, n),
                    "event_time": np.datetime64(midnight(day), "us")
                    + (np.arange(n) * 60_000_000).astype("timedelta64[us]"),
                    "amount_eur": np.round(random.gamma(2, 20, n), 2),
                    "is_fraud": random.random(n) < 0.2,
                    "kind": random.choice(CLASSES, n, p=[0.5, 0.3, 0.2]),
                    "_load_id": np.full(n, day + 1),
                }
            )
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def days(self, first: int, last: int) -> None:
        """Add the days first..last-1, with the labels that have settled by then."""
        rows = pa.table(
            {k: v.tolist() if k == "kind" else v for k, v in self.truth(range(first, last)).items()}
        )
        seal = midnight(last) - timedelta(microseconds=1)
        with self.lake.writer(Author("test")) as writer:
            writer.register("new", rows)
            writer.execute(
                "CREATE TABLE IF NOT EXISTS core.fct_transactions AS SELECT * EXCLUDE (is_fraud, "
                "kind), event_time AS known_at FROM new LIMIT 0"
            )
            writer.execute(
                "INSERT INTO core.fct_transactions "
                "SELECT * EXCLUDE (is_fraud, kind), event_time FROM new"
            )
            for table in ("core.truth", "core.fct_labels"):
                writer.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} AS SELECT transaction_id, "
                    "event_time + INTERVAL 7 DAY AS known_at, is_fraud, kind FROM new LIMIT 0"
                )
            writer.execute(
                "INSERT INTO core.truth SELECT transaction_id, event_time + INTERVAL 7 DAY, "
                "is_fraud, kind FROM new"
            )
            writer.execute(
                "INSERT INTO core.fct_labels FROM core.truth WHERE known_at <= ? AND "
                "transaction_id NOT IN (SELECT transaction_id FROM core.fct_labels)",
                [seal],
            )
            for table in ("core.fct_labels", "core.fct_transactions", self.spec.predictions_table):
                write_progress(writer, table, Progress(last, seal))

    def version(self, number: int, tested_until: int = 0, *, state: str = "") -> Version:
        """Register a version, and make it a `champion` or a `shadow` from that day on."""
        tested = midnight(tested_until)
        version = Version(
            model=self.spec.name,
            version=f"v{number:04d}",
            number=number,
            state="candidate",
            created_at=tested,
            run_id="",
            snapshot=1,
            training_set_id="",
            training_set_hash=f"{number}",
            split=Split(*[tested] * 6, cutoff=tested + GAP).as_json(),
            code_version="1",
            code_hash="",
            config_hash="",
            feature_schema_hash="",
            params={},
            metrics={"test": {"average_precision": PROMISED, "mae": 1.0, "macro_f1": PROMISED}},
            artefact=f"{self.spec.name}/v{number:04d}",
            files={},
        )
        with self.lake.writer(Author("test")) as writer:
            register(writer, version, "training", "made")
        move = {"champion": promote, "shadow": start_shadow}.get(state)
        if move:
            move(
                self.lake, self.spec.name, version.version, who="me", why="so", now=at(tested_until)
            )
        return version

    def log_predictions(
        self,
        version: Version,
        days: range,
        skill: float | np.ndarray,
        *,
        in_shadow: bool = False,
        threshold: float = 0.9,
    ) -> dict[str, np.ndarray]:
        """Log a version's predictions for these days; returns the rows with the prediction."""
        rows = self.truth(days)
        n = len(rows["transaction_id"])
        random = np.random.default_rng([version.number, days.start])
        values = skill if isinstance(skill, np.ndarray) else None
        if self.spec.task.name == "binary":
            if values is None:
                values = 1 / (1 + np.exp(-(random.normal(size=n) + skill * rows["is_fraud"])))
            rows |= {"score": values, "decision": values >= threshold}
            if self.spec.actions.mode == "block":
                control = np.array(
                    [in_control(self.spec, k) for k in rows["transaction_id"].tolist()]
                )
                rows |= {"control": control, "blocked": rows["decision"] & ~control}
        elif self.spec.task.name == "regression":
            if values is None:
                values = random.normal(200, 1 / skill, n)
            rows["prediction"] = values
        else:
            if values is None:
                is_correct = random.random(n) < skill
                values = np.where(is_correct, rows["kind"], random.choice(CLASSES, n))
            rows |= {"label": values, "probability": random.uniform(0.5, 1, n)}
        table = shadow_table(self.spec.name) if in_shadow else self.spec.predictions_table
        self._log(table, rows, version)
        return rows

    def _log(self, table: str, rows: dict[str, np.ndarray], version: Version) -> None:
        types = {"transaction_id": "BIGINT", "customer_id": "BIGINT", "terminal_id": "BIGINT"}
        types |= {"event_time": "TIMESTAMP", **output_types(self.spec), "_load_id": "BIGINT"}
        columns = {name: v.tolist() if v.dtype.kind in "UO" else v for name, v in rows.items()}
        n = len(rows["transaction_id"])
        columns["model_version"] = [version.version] * n
        listed = ", ".join(f'"{k}" {t}' for k, t in types.items())
        values = ", ".join(f'"{k}"' if k in columns else "NULL" for k in types)
        with self.lake.writer(Author("test")) as writer:
            writer.register("logged", pa.table(columns))
            writer.execute(f"CREATE TABLE IF NOT EXISTS {table} ({listed})")
            writer.execute(f"INSERT INTO {table} SELECT {values} FROM logged")
