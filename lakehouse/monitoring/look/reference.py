"""The reference distributions of a model version: features in training, output on its test period.

Counted once per version, on the pinned training set, and stored in `monitoring.reference`, so that
a comparison never reads the training rows again.
"""

from dataclasses import astuple, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.declarations.durations import microseconds
from lakehouse.lake import Lake, fetch_value, layout, qualified, quote
from lakehouse.models import Model, ModelSpec, Split, load_model
from lakehouse.models.model import ModelCard
from lakehouse.monitoring import tables
from lakehouse.monitoring.look import distance
from lakehouse.monitoring.look.cells import Cells, Counts, number_cells, text_cells
from lakehouse.monitoring.look.chance import Chance, draw_windows
from lakehouse.registry import Version

BATCH_ROWS = 65_536
SAMPLE_ROWS = 50_000
MAX_DAYS = 400
"""Daily variation is estimated from at most this many of the newest days, to bound memory."""

_GAP, _TRAIN, _TEST = -1, 0, 2

Part = Literal["feature", "output"]


@dataclass(frozen=True, eq=False)
class Reference:
    """The reference of one column.

    `counts` (slots,) are of the training period for a feature, of the test period for an output.

    The chances describe how far windows lie from it while nothing changes: in PSI, and in the
    squared differences of the shares of missing and unseen values. None with too few days.
    """

    part: Part
    name: str
    cells: Cells
    counts: Counts
    psi: Chance | None
    missing: Chance | None
    unseen: Chance | None


@dataclass(frozen=True, eq=False)
class Periods:
    """The days of a training set from `first` on, and the period (days,) of each.

    Row 0 of counts by day holds all earlier days, which are in the training period.
    """

    first: date
    period: npt.NDArray[np.int64]

    @classmethod
    def of(cls, split: Split) -> "Periods":
        """The newest `MAX_DAYS` of the split; a day that two periods share is in the later one."""
        ends = (
            (split.train_from, split.train_until),
            (split.validation_from, split.validation_until),
            (split.test_from, split.test_until),
        )
        last = split.untested_from
        first = max(split.train_from.date(), last - timedelta(days=MAX_DAYS))
        period = np.full((last - first).days, _GAP, dtype=np.int64)
        for number, (start, until) in enumerate(ends):
            end = -((datetime.combine(first, time()) - until) // timedelta(days=1))
            period[max((start.date() - first).days, 0) : max(end, 0)] = number
        return cls(first, period)

    def place(self, times: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The row of counts (days + 1, slots) for each time."""
        days = (times.astype("datetime64[D]") - np.datetime64(self.first)).astype(np.int64)
        return np.clip(days + 1, 0, len(self.period))


def read_reference(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str
) -> list[Reference]:
    """The stored references for the version and the spec's window, in feature order; may be empty.

    References stored by a release without chances count as missing.
    """
    if not tables.has_columns(cursor, layout.REFERENCE):
        return []
    rows = cursor.execute(
        "SELECT part, name, kind, edges, categories, counts, psi_chance, missing_chance, "
        f"unseen_chance FROM {qualified(layout.REFERENCE)} WHERE model = ? AND version = ? "
        "AND window_us = ? AND psi_chance IS NOT NULL ORDER BY part, name",
        [spec.name, version, microseconds(spec.watch.window)],
    ).fetchall()
    return [
        Reference(
            part=part,
            name=name,
            cells=Cells(kind, tuple(edges), tuple(values)),
            counts=np.array(counts, dtype=np.int64),
            psi=_chance(psi),
            missing=_chance(missing),
            unseen=_chance(unseen),
        )
        for part, name, kind, edges, values, counts, psi, missing, unseen in rows
    ]


def compute_reference(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, lake: Lake, version: Version
) -> list[Reference]:
    """Count the pinned training set: one pass over a sample for the cells, one over all rows."""
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    periods = Periods.of(Split.from_json(version.split))
    window = max(1, spec.watch.window // timedelta(days=1))
    made = [
        make_reference(part, name, cells, counts, periods, window)
        for part, name, cells, counts in _count(
            cursor, spec, model, version.training_set_id, periods
        )
    ]
    return sorted(made, key=lambda one: (one.part, one.name))


def write_reference(
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str,
    made: list[Reference],
    at: datetime,
) -> None:
    """Replace the version's reference in the open transaction; `at` is naive UTC."""
    tables.create(writer, layout.REFERENCE)
    writer.execute(
        f"DELETE FROM {qualified(layout.REFERENCE)} WHERE model = ? AND version = ?",
        [spec.name, version],
    )
    rows = [
        {
            "model": spec.name,
            "version": version,
            "part": one.part,
            "name": one.name,
            "kind": one.cells.kind,
            "edges": one.cells.edges,
            "categories": one.cells.values,
            "counts": one.counts.tolist(),
            "window_us": microseconds(spec.watch.window),
            "psi_chance": _chance_numbers(one.psi),
            "missing_chance": _chance_numbers(one.missing),
            "unseen_chance": _chance_numbers(one.unseen),
            "created_at": at,
        }
        for one in made
    ]
    tables.insert(writer, layout.REFERENCE, rows)


def _feature_cells(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, card: ModelCard, set_id: str
) -> dict[str, Cells]:
    """Cells of every feature, from a sample of training rows, selected by key."""
    table = qualified(spec.training_table)
    where = "training_set_id = ? AND split = 'train'"
    rows = fetch_value(cursor, f"SELECT count(*) FROM {table} WHERE {where}", [set_id])
    numbers = [f.name for f in card.features.features if f.kind == "number"]
    sample = cursor.execute(
        f"SELECT {', '.join(map(quote, ['key', *numbers]))} FROM {table} WHERE {where} "
        "AND hash(key) % ? = 0",
        [set_id, max(1, rows // SAMPLE_ROWS)],
    ).to_arrow_table()
    cells = {name: number_cells(sample.column(name).to_numpy()) for name in numbers}
    return cells | {name: text_cells(v) for name, v in card.features.categories.items()}


def _count(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    model: Model,
    set_id: str,
    periods: Periods,
) -> list[tuple[Part, str, Cells, Counts]]:
    """Part, name, cells and counts (days + 1, slots) of every column.

    Outputs are counted outside the training period; they are kept until the end, twelve bytes a
    row, since their cells depend on all of them.
    """
    card = model.card
    groups = len(periods.period) + 1
    cells = _feature_cells(cursor, spec, card, set_id)
    totals = {name: np.zeros((groups, one.slots), dtype=np.int64) for name, one in cells.items()}
    outputs: dict[str, list[pa.Array]] = {name: [] for name in card.task.logged}
    output_groups = [np.empty(0, dtype=np.int64)]
    names = ", ".join(map(quote, card.features.names))
    rows = cursor.execute(
        f"SELECT split = 'train' AS _is_training, event_time AS _time, {names} "
        f"FROM {qualified(spec.training_table)} WHERE training_set_id = ?",
        [set_id],
    ).to_arrow_reader(BATCH_ROWS)
    for batch in rows:
        group = periods.place(batch.column("_time").to_numpy(zero_copy_only=False))
        for name, one in cells.items():
            totals[name] += one.count(batch.column(name), group, groups)
        is_training = batch.column("_is_training").to_numpy(zero_copy_only=False).astype(bool)
        held_out = batch.filter(pa.array(~is_training))
        output_groups.append(group[~is_training])
        prediction = model.predict(card.features.matrix(held_out))
        for name, values in card.task.logged_columns(prediction, card.classes).items():
            outputs[name].append(values)
    found: list[tuple[Part, str, Cells, Counts]] = [
        ("feature", name, one, totals[name]) for name, one in cells.items()
    ]
    for name, arrays in outputs.items():
        values = pa.concat_arrays(arrays)
        numbers = pa.types.is_floating(values.type)
        one = number_cells(values.to_numpy()) if numbers else text_cells(card.classes)
        found.append(
            ("output", name, one, one.count(values, np.concatenate(output_groups), groups))
        )
    return found


def make_reference(
    part: Part, name: str, cells: Cells, counts: Counts, periods: Periods, window: int
) -> Reference:
    """One column's reference for windows of `window` days, from `counts` (days + 1, slots).

    Validation and test days count as well: no label is read, and the model was evaluated under
    their distance from the training rows. Unseen categories are counted only outside the training
    days, where every category is seen.
    """
    row_period = np.concatenate([[_TRAIN], periods.period])
    counted = counts[row_period == (_TRAIN if part == "feature" else _TEST)].sum(axis=0)
    if not counted.sum():  # without a test period, the predictions on validation rows
        counted = counts.sum(axis=0)
    missing, unseen = distance.missing_share(counted), distance.unseen_share(counted)
    period = periods.period[:, None]
    days = np.where(period == _GAP, 0, counts[1:])
    held_out_days = np.where(period == _TRAIN, 0, days)
    all_draws = draw_windows(days, periods.period, window)
    held_out_draws = draw_windows(held_out_days, periods.period, window)
    return Reference(
        part=part,
        name=name,
        cells=cells,
        counts=counted,
        psi=all_draws.distribution(lambda w: distance.psi(counted, w)) if all_draws else None,
        missing=all_draws.distribution(lambda w: (distance.missing_share(w) - missing) ** 2)
        if all_draws
        else None,
        unseen=held_out_draws.distribution(lambda w: (distance.unseen_share(w) - unseen) ** 2)
        if held_out_draws
        else None,
    )


def _chance_numbers(distribution: Chance | None) -> list[float]:
    return [] if distribution is None else list(astuple(distribution))


def _chance(stored: list[float]) -> Chance | None:
    return Chance(*stored) if stored else None
