"""Outcomes of pinned rows from declared tables: amounts, late reports, reversals.

They are used for evaluation, never for training.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Ints
from lakehouse.evaluation.capacity_curve import Money
from lakehouse.lake import Lake, qualified, quote, read_columns
from lakehouse.models.errors import TrainingError
from lakehouse.models.spec import ModelSpec
from lakehouse.training.sets.dataset import TrainingSet

_DECIMAL = re.compile(r"DECIMAL\(\d+,\s*(\d+)\)")
_INTEGER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Counts by period, and a mask of the test rows (by key) that were reported too late.

    A field is None if its table is not declared.
    """

    positives: Mapping[str, int]
    late: dict[str, int] | None
    reversed: dict[str, int] | None
    late_in_test: Bools | None


def refuse_unusable(spec: ModelSpec, lake: Lake) -> None:
    """Check the declared tables before training.

    Raises:
        TrainingError: for a table that is missing or unusable.
    """
    with lake.reader() as cursor:
        if spec.judging.money is not None:
            _alert_costs(spec, _scale(cursor, spec))
        if spec.judging.reports is not None:
            for table in (spec.judging.reports.table, spec.judging.reports.reversals):
                if table is not None:
                    _require_key(cursor, spec, table)


def money(spec: ModelSpec, lake: Lake, pinned: TrainingSet, rows: int) -> Money:
    """The exact amounts of the `rows` test rows, by key; a missing amount counts as 0.

    Raises:
        TrainingError: for a column that is missing or not an exact number, a table with several
            rows for a key, or a cost with more digits than the column.
    """
    declared = spec.judging.money
    assert declared is not None
    with lake.reader() as cursor:
        scale = _scale(cursor, spec)
        column, key = f"m.{quote(declared.column)}", quote(spec.spine.key)
        found = cursor.execute(
            f"SELECT coalesce(CAST({column} * {10**scale} AS BIGINT), 0) AS amount "
            f"FROM {qualified(spec.training_table)} t "
            f"LEFT JOIN {qualified(declared.table)} m ON m.{key} = t.key "
            "WHERE t.training_set_id = ? AND t.split = 'test' ORDER BY t.key",
            [pinned.id],
        ).fetchnumpy()["amount"]
    if len(found) != rows:
        raise TrainingError(
            f"{spec.name}: {declared.table} has several rows for a {spec.spine.key}"
        )
    costs = _alert_costs(spec, scale)
    return Money(np.asarray(found, dtype=np.int64), costs, declared.unit, scale)


def _scale(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> int:
    """Decimal places of the declared amounts."""
    declared = spec.judging.money
    assert declared is not None
    kind = read_columns(cursor, declared.table).get(declared.column)
    if kind is None or spec.spine.key not in read_columns(cursor, declared.table):
        raise TrainingError(
            f"{spec.name}: `judging.money` reads {declared.table}.{declared.column} by "
            f"{spec.spine.key}, which is not in the lake"
        )
    decimal = _DECIMAL.fullmatch(kind)
    if not decimal and not _INTEGER.fullmatch(kind):
        raise TrainingError(
            f"{spec.name}: {declared.table}.{declared.column} is {kind}; money must be DECIMAL, "
            "or an integer of minor units"
        )
    return int(decimal[1]) if decimal else 0


def _alert_costs(spec: ModelSpec, scale: int) -> int:
    """The cost of an alert in minor units."""
    assert spec.judging.money is not None
    costs = spec.judging.money.alert_costs.scaleb(scale)
    if costs != costs.to_integral_value():
        raise TrainingError(f"{spec.name}: `alert_costs` has more than {scale} decimal places")
    return int(costs)


def by_unit(money: Money, period: Ints, unit: Ints, truth: Bools, best: Ints) -> Money:
    """The positives' amounts by unit and period; `best` are the best rows of the units."""
    unit_index = np.unique(np.stack([period, unit]), axis=1, return_inverse=True)[1].reshape(-1)
    totals = np.zeros(int(unit_index.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(totals, unit_index[truth], money.amount[truth])
    return Money(totals[unit_index[best]], money.alert_costs, money.unit, money.scale)


def find_label_errors(spec: ModelSpec, lake: Lake, pinned: TrainingSet) -> LabelErrors:
    """Positives, late reports and reversals of the pinned rows, from the lake's current state."""
    declared = spec.judging.reports
    with lake.reader() as cursor:
        rows = f"FROM {qualified(spec.training_table)} t WHERE t.training_set_id = ? AND label > 0"
        query = f"SELECT split, count(*) {rows} GROUP BY 1 ORDER BY 1"
        positives = dict(cursor.execute(query, [pinned.id]).fetchall())
        if declared is None:
            return LabelErrors(positives, None, None, None)
        late, late_in_test = _late_reports(cursor, spec, pinned, declared.table)
        reversed_counts = None
        if declared.reversals is not None:
            _require_key(cursor, spec, declared.reversals)
            key, table = quote(spec.spine.key), qualified(declared.reversals)
            query = (
                f"SELECT split, count(*) {rows} AND t.key IN (SELECT {key} FROM {table}) "
                "GROUP BY 1 ORDER BY 1"
            )
            reversed_counts = dict(cursor.execute(query, [pinned.id]).fetchall())
    return LabelErrors(positives, late, reversed_counts, late_in_test)


def _late_reports(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, pinned: TrainingSet, table: str
) -> tuple[dict[str, int], npt.NDArray[np.bool_]]:
    """Negative rows that were reported after all: counts by period, and a mask of the test rows."""
    _require_key(cursor, spec, table)
    key = quote(spec.spine.key)
    late = f"NOT t.label > 0 AND t.key IN (SELECT {key} FROM {qualified(table)})"
    source = f"FROM {qualified(spec.training_table)} t WHERE t.training_set_id = ?"
    counts = dict(
        cursor.execute(
            f"SELECT split, count(*) FILTER ({late}) {source} GROUP BY 1 ORDER BY 1",
            [pinned.id],
        ).fetchall()
    )
    query = f"SELECT {late} AS late {source} AND t.split = 'test' ORDER BY t.key"
    mask = cursor.execute(query, [pinned.id]).fetchnumpy()["late"]
    return counts, np.asarray(mask, dtype=bool)


def _require_key(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, table: str) -> None:
    if spec.spine.key not in read_columns(cursor, table):
        raise TrainingError(
            f"{spec.name}: `judging.reports` reads {table}, which is not in the lake or has no "
            f"column {spec.spine.key}"
        )
