"""A payment-like world in memory, to measure false alarms without drift and detection of drift.

Rows come from customers with individual habits, so a week's rows are far from independent; there
are more at weekends. Everything runs through the code that monitors a real model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from lakehouse.models import ModelSpec
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look.cells import Counts, number_cells, text_cells
from lakehouse.monitoring.look.drift import DAY, Days, compare, drift_findings, window_days
from lakehouse.monitoring.look.reference import Periods, make_reference

START = date(2026, 1, 5)
TRAIN, GAP, PERIOD = 70, 14, 14
BEGIN = TRAIN + GAP + PERIOD + GAP + PERIOD
"""The first monitored day: the end of the test period."""
PERIODS = Periods(
    START,
    np.repeat([0, -1, 1, -1, 2], [TRAIN, GAP, PERIOD, GAP, PERIOD]),
)

Values = np.ndarray
Change = Callable[[Values, np.random.Generator], Values]


@dataclass(frozen=True)
class World:
    """`features` columns of `days` days: columns (rows,) by name, and the day of each row."""

    columns: Mapping[str, Values]
    day: np.ndarray


def make_world(seed: int, days: int, per_day: int = 400, features: int = 30) -> World:
    """Every kind of column: normal, heavy-tailed, counts, flags, weekday, texts, with gaps."""
    random = np.random.default_rng(seed)
    weekend = np.where(np.arange(days) % 7 >= 5, 1.3, 0.9)
    sizes = random.poisson(per_day * weekend)
    day = np.repeat(np.arange(days), sizes)
    customers = 600
    customer = random.choice(customers, len(day), p=random.dirichlet(np.full(customers, 0.7)))
    columns: dict[str, Values] = {}
    for i in range(features):
        habit = random.normal(size=customers)[customer]
        noise = random.normal(size=len(day))
        kind = i % 6
        if kind == 0:
            values: Values = habit + noise
        elif kind == 1:
            values = np.exp(habit + noise)
        elif kind == 2:
            values = random.poisson(np.exp(0.5 * habit)).astype(float)
        elif kind == 3:
            values = (random.random(len(day)) < 1 / (1 + np.exp(3 - habit))).astype(float)
        elif kind == 4:
            values = (day % 7).astype(float)
        else:
            texts = np.array(["chip", "online", "contactless", "swipe", None], dtype=object)
            values = texts[np.clip((habit + noise + 2).astype(int), 0, 4)]
        if kind in (0, 1):
            values[random.random(len(day)) < 0.1] = np.nan
        columns[f"{['normal', 'heavy', 'count', 'flag', 'weekday', 'text'][kind]}_{i}"] = values
    return World(columns, day)


@dataclass(frozen=True)
class Unrest:
    """Variation without a lasting change, in standard deviations of a column.

    `day` and `weekday` are the deviations of independent effects of days and weekdays, per column,
    or shared by all if `common`. `rise` is how far a column moves, up or down, during the training
    period. `gaps`: how much the log odds of a missing value vary from day to day.
    """

    day: float = 0.0
    weekday: float = 0.0
    rise: float = 0.0
    gaps: float = 0.0
    common: bool = False


def add_unrest(world: World, unrest: Unrest, seed: int) -> World:
    """The same rows with such effects on numbers, counts and flags."""
    random = np.random.default_rng([seed, 77])
    days = int(world.day.max()) + 1
    progress = np.clip(np.arange(days) / TRAIN, 0, 1)
    shared = random.normal(size=days)
    columns = dict(world.columns)
    for name, values in world.columns.items():
        kind = name.split("_")[0]
        daily = shared if unrest.common else random.normal(size=days)
        weekly = random.normal(size=7)[np.arange(days) % 7]
        shift = unrest.day * daily + unrest.weekday * weekly
        shift = (shift + unrest.rise * random.choice([-1, 1]) * progress)[world.day]
        if kind == "normal":
            columns[name] = values + shift * np.nanstd(values)
        elif kind == "heavy":
            columns[name] = values * np.exp(shift * 2**0.5)
        elif kind == "count":
            columns[name] = random.poisson((values + 0.5) * np.exp(shift)).astype(float)
        elif kind == "flag":
            odds = np.exp(-2.7 + 2 * shift)
            columns[name] = (random.random(len(values)) < odds / (1 + odds)).astype(float)
        if unrest.gaps and kind in ("normal", "heavy"):
            odds = np.exp(-2.2 + unrest.gaps * random.normal(size=days)[world.day])
            is_missing = random.random(len(values)) < odds / (1 + odds)
            columns[name] = np.where(is_missing, np.nan, columns[name])
    return World(columns, world.day)


def run_monitoring(
    world: World,
    spec: ModelSpec,
    windows: int,
    changes: Mapping[str, Change] | None = None,
    features: int | None = None,
) -> list[Finding]:
    """The findings of `windows` days after the test period, in which `changes` apply to columns.

    `features` is the model's number of features, if not all of them are in `world`.
    """
    days = Days(START + BEGIN * DAY, START + (BEGIN + windows + window_days(spec) - 1) * DAY)
    random = np.random.default_rng(0)
    rows = []
    for name, values in world.columns.items():
        train = world.day < TRAIN
        if name.startswith("text"):
            cells = text_cells(sorted({v for v in values[train] if v is not None}))
        else:
            cells = number_cells(values[train])
        if changes and name in changes:
            values = values.copy()
            values[world.day >= BEGIN] = changes[name](values[world.day >= BEGIN], random)
        text = name.startswith("text")
        array = pa.array(values.tolist() if text else values, pa.string() if text else pa.float32())
        counts = cells.count(array, world.day.astype(np.int64), int(world.day.max()) + 1)
        reference_days = np.concatenate([np.zeros((1, cells.slots), np.int64), counts[:BEGIN]])
        reference = make_reference(
            "feature", name, cells, reference_days, PERIODS, window_days(spec)
        )
        earlier: Counts = np.zeros((window_days(spec) - 1, cells.slots), dtype=np.int64)
        rows += compare(
            spec,
            "v1",
            reference,
            earlier,
            counts[BEGIN : BEGIN + len(days)],
            days,
            days.first,
            features or len(world.columns),
        )
    return drift_findings({"feature": rows, "output": []}, days)
