"""Outcomes of a model's probabilities and alerts, measured independently of the product's code."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from lakehouse.evaluation.calibration_error import observed_over_expected
from lakehouse.evaluation.resampling import Resampling
from lakehouse.lake import Lake
from lakehouse.models import load_model
from lakehouse.models.split import plan_split
from lakehouse.registry import Version
from lakehouse.scoring import score
from lakehouse.training import train
from tests.simulations.worlds import DAY, MATURITY, WEEKS, World, detector, settings_of


@dataclass(frozen=True)
class Rows:
    """Scored rows whose labels matured after the training, in the order of their keys.

    `day` counts from the cut: rows before 0 are those whose labels had not settled by then.
    """

    day: np.ndarray
    customer: np.ndarray
    terminal: np.ndarray
    truth: np.ndarray
    score: np.ndarray
    flagged: np.ndarray


@dataclass(frozen=True)
class Ratio:
    """Observed over expected positives, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Outcome:
    """One world: the ratio and the slope on all rows, and alerts in the four weeks after the cut.

    `first_day` has the alerts of the first day ever scored, by the version's own threshold.
    """

    world: World
    rows: Rows
    ratio: Ratio
    slope: float
    alerts: float
    first_day: int
    weeks: tuple[float, ...]
    rounds: int
    ap_validation: float
    test_positives: int

    @property
    def capacity_used(self) -> float:
        return self.alerts / self.world.alerts


def train_and_measure(world: World, folder: Path, rounds: int | None = None) -> Outcome:
    """Train as of the cut, score all later rows, and measure the outcome.

    `rounds` limits the number of trees.
    """
    spec = detector(world)
    if rounds is not None:
        spec = spec.model_copy(update={"rounds": rounds})
    with Lake(settings_of(folder)) as lake:
        with lake.reader() as cursor:
            first = cursor.execute("SELECT min(event_time) FROM lake.core.fct_transactions")
            split = plan_split(spec, world.trained_at - DAY / 86_400_000_000, first.fetchone()[0])
        report = train(spec, lake, split=split)
        score(spec, lake)
        rows = _rows(lake, world)
        with lake.reader() as cursor:
            first_day = cursor.execute(
                f"SELECT sum(decision::INTEGER) FROM lake.{spec.predictions_table} "
                "GROUP BY event_time::DATE ORDER BY event_time::DATE LIMIT 1"
            ).fetchone()[0]
    later = rows.day >= 0
    per_day = np.bincount(rows.day[later & rows.flagged], minlength=WEEKS)
    metrics = report.version.metrics
    return Outcome(
        world=world,
        rows=rows,
        ratio=ratio(rows),
        slope=slope(rows),
        alerts=float(per_day.mean()),
        first_day=int(first_day),
        weeks=tuple(per_day.reshape(4, 7).mean(axis=1).tolist()),
        rounds=_rounds(folder, report.version),
        ap_validation=metrics["validation"]["average_precision"],
        test_positives=int(metrics["test"]["positives"]),
    )


def _rounds(folder: Path, version: Version) -> int:
    models = settings_of(folder).models_dir
    return load_model(models, version.artefact, version.files).card.rounds


def _rows(lake: Lake, world: World) -> Rows:
    spec = detector(world)
    with lake.reader() as cursor:
        found = cursor.execute(
            f"""SELECT (p.event_time::DATE - ?::DATE)::BIGINT AS day, p.customer_id AS customer,
                p.terminal_id AS terminal, is_fraud AS truth, score, decision AS flagged
                FROM lake.{spec.predictions_table} p
                JOIN lake.core.fct_labels l USING (transaction_id)
                WHERE p.event_time >= ?::TIMESTAMP - to_days(?::INTEGER)
                AND p.event_time < ?::TIMESTAMP + to_days(?::INTEGER) ORDER BY transaction_id""",
            [world.trained_at, world.trained_at, MATURITY, world.trained_at, WEEKS],
        ).fetchnumpy()
    return Rows(**{name: np.asarray(values) for name, values in found.items()})


def ratio(rows: Rows) -> Ratio:
    """Observed over expected, clustered by both keys; other tests verify the interval itself."""
    clusters = Resampling.of(len(rows.truth), rows.customer, rows.terminal)
    found = observed_over_expected(rows.truth, rows.score, clusters)
    return Ratio(found.value, found.low, found.high)


def slope(rows: Rows) -> float:
    """Slope of the outcome on the logit of the score, by logistic regression without a penalty."""
    p = np.clip(rows.score, 1e-9, 1 - 1e-9)
    logit = np.log(p / (1 - p))
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(logit[:, None], rows.truth)
    return float(model.coef_[0, 0])


def pool(found: list[Rows]) -> Rows:
    """The rows of all worlds; each customer and terminal belongs to one world."""
    moved = {
        name: np.concatenate(
            [getattr(rows, name) + number * 10**12 for number, rows in enumerate(found)]
        )
        for name in ("customer", "terminal")
    }
    kept = {
        name: np.concatenate([getattr(rows, name) for rows in found])
        for name in ("day", "truth", "score", "flagged")
    }
    return Rows(**moved, **kept)
