"""Checks that need neither labels nor a whole day: symptoms of a broken version in its first
scores.

They only report; `rollback` means that an earlier version would likely do better. `drift.py` covers
changes of the features caused by the world or a source, which no version can fix.
"""

from collections.abc import Sequence
from datetime import date

import duckdb
import numpy as np

from lakehouse.lake import qualified, quote
from lakehouse.models import ModelSpec, SchemaMismatch
from lakehouse.models.inputs import pinned_tables
from lakehouse.models.schema import FeatureSchema
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look import distance
from lakehouse.monitoring.look.bounds import noise
from lakehouse.monitoring.look.drift import column_bounds
from lakehouse.monitoring.look.reference import BATCH_ROWS, Reference

MIN_ROWS = 50
"""With fewer scores, it may be chance that all are equal or high."""

JUMP_FACTOR, MIN_JUMP = 3.0, 0.5
"""A jump is this many times the drift bound: a batch may be a Sunday, which a week never is."""

ROLLBACK_REMEDY = "roll back to the previous version, and examine the inputs of this one"


def check_schema(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, schema: FeatureSchema, day: date
) -> Finding:
    """Whether every feature is present and of the kind that the version was trained on."""
    try:
        pinned_tables(cursor, schema)
    except SchemaMismatch as error:
        return Finding(
            name="features_as_trained",
            day=day,
            passed=False,
            severity="error",
            cause=f"{spec.name}: {error}",
            remedy="promote a version whose features are available, or train a new one",
            rollback=True,
        )
    return Finding("features_as_trained", day, passed=True)


def check_scores(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str,
    references: Sequence[Reference],
    after_load: int,
) -> list[Finding]:
    """Findings on the version's scores of the loads after `after_load`; none if there are no
    scores.

    Their `day` is that of the newest of these rows. For a multiclass model the probability is
    checked.
    """
    outputs = [one for one in references if one.part == "output"]
    number = next(one for one in outputs if one.cells.kind == "number")
    column = quote(number.name)
    condition = "model_version = ? AND _load_id > ?"
    row = cursor.execute(
        f"SELECT count(*), count(*) FILTER ({column} IS NULL OR isnan({column})), "
        f"count(DISTINCT {column}), min(event_time), max(event_time) "
        f"FROM {qualified(spec.predictions_table)} WHERE {condition}",
        [version, after_load],
    ).fetchone()
    if row is None or not row[0]:
        return []
    rows, invalid, distinct, oldest, newest = row
    day: date = newest.date()
    found = [
        _check_valid(number.name, day, rows, invalid),
        _check_varying(number, day, rows, distinct),
    ]
    found.append(_check_jump(cursor, spec, version, outputs, after_load, day))
    if spec.capacity is not None and spec.task.decides:
        found.append(_check_alerts(cursor, spec, version, oldest.date(), day))
    return found


def _check_valid(name: str, day: date, rows: int, invalid: int) -> Finding:
    cause = f"{invalid} of {rows} rows have no {name}, or a {name} that is not a number"
    return _verdict("scores_valid", day, not invalid, float(invalid), 0.0, cause)


def _check_varying(reference: Reference, day: date, rows: int, distinct: int) -> Finding:
    constant = rows >= MIN_ROWS and distinct <= 1 and (reference.counts > 0).sum() > 1
    cause = f"all {rows} rows have the same {reference.name}"
    return _verdict("scores_vary", day, not constant, float(distinct), 2.0, cause)


def _check_jump(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str,
    outputs: Sequence[Reference],
    after_load: int,
    day: date,
) -> Finding:
    """The finding on the output that lies farthest beyond its bound."""
    names = ", ".join(quote(one.name) for one in outputs)
    batches = cursor.execute(
        f"SELECT {names} FROM {qualified(spec.predictions_table)} "
        "WHERE model_version = ? AND _load_id > ?",
        [version, after_load],
    ).to_arrow_reader(BATCH_ROWS)
    totals = [np.zeros((1, one.cells.slots), dtype=np.int64) for one in outputs]
    for batch in batches:
        group = np.zeros(batch.num_rows, dtype=np.int64)
        for total, one in zip(totals, outputs, strict=True):
            total += one.cells.count(batch.column(one.name), group, 1)
    judged = []
    for (counts,), one in zip(totals, outputs, strict=True):
        bound = max(MIN_JUMP, JUMP_FACTOR * column_bounds(spec, one, len(outputs)).psi)
        by_chance = float(noise(one.counts, counts.sum(), len(outputs)))
        judged.append((float(distance.psi(one.counts, counts)), max(bound, by_chance), one.name))
    value, bound, name = max(judged, key=lambda one: one[0] / one[1])
    cause = f"the distribution of {name} in new rows differs from that in the test period (PSI)"
    enough = totals[0].sum() >= MIN_ROWS
    return _verdict("score_jump", day, not enough or value <= bound, value, bound, cause)


def _check_alerts(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, version: str, first: date, last: date
) -> Finding:
    """The finding on the day (week) with the most alerts; an incomplete one counts as far as it
    goes."""
    assert spec.capacity is not None
    period = spec.capacity.period
    unit = spec.capacity.unit
    counted = f"count(DISTINCT {quote(unit)})" if unit else "count(*)"
    bound = spec.watch.alerts * spec.capacity.alerts
    row = cursor.execute(
        f"SELECT {counted} AS alerts, CAST({period.start_sql('event_time')} AS DATE) AS start "
        f"FROM {qualified(spec.predictions_table)} "
        "WHERE decision AND model_version = ? AND event_time >= CAST(? AS TIMESTAMP) "
        "GROUP BY start ORDER BY alerts DESC, start LIMIT 1",
        [version, period.floor(first)],
    ).fetchone()
    alerts, worst = row or (0, last)
    when = f"on {worst}" if period.days == 1 else f"in the {period.name} from {worst}"
    cause = (
        f"{alerts} alerts {when}; {spec.capacity.alerts} {period.rate} can be reviewed, and "
        f"{bound:g} are tolerated"
    )
    return _verdict("alert_volume", last, alerts <= bound, float(alerts), bound, cause)


def _verdict(name: str, day: date, passed: bool, value: float, bound: float, cause: str) -> Finding:
    if passed:
        return Finding(name, day, True, value, bound)
    return Finding(name, day, False, value, bound, "error", cause, ROLLBACK_REMEDY, rollback=True)
