"""The champion against each version that scores in parallel, on the same matured rows, look by
look.

Both predicted before any label was known, so there is no leakage, and the rows are those that the
champion decided about. With `actions.mode: block` only the control stream has honest labels.

Looks belong to a stretch. A stretch ends when it has lasted `STRETCH_LENGTH`, when one of the two
versions is rolled back, or when another version has decided in between. The next stretch begins
without rows, looks or verdict, so evidence from an old world does not decide in a new one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from lakehouse.evaluation.comparisons import compare
from lakehouse.evaluation.document import Interval, Verdict
from lakehouse.evaluation.metrics import find_metric, metric_values
from lakehouse.evaluation.sequential import Finding as SequentialFinding
from lakehouse.evaluation.sequential import Look, decide
from lakehouse.lake import fetch_value, layout, qualified, quote, table_exists
from lakehouse.models import ModelSpec, Split
from lakehouse.monitoring import tables
from lakehouse.monitoring.review.matured import matured_rows, pair_rows
from lakehouse.registry import Version
from lakehouse.registry.versions import find_transitions

STRETCH_LENGTH = timedelta(days=90)
"""Length of a stretch: it bounds the cost, and the allowed error is per stretch."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class ComparisonVerdict:
    """The verdict of all looks together on a version that scores in parallel; the last look is
    the evidence."""

    version: str
    role: str
    verdict: Verdict
    evidence: Mapping[str, Any]


def take_look(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    other: Version,
    until: date,
) -> dict[str, Any] | None:
    """Compare the two versions once more on all rows that both scored and that matured before
    `until`.

    Returns a row to store, with the verdict of all looks on `other`. None when they share no row on
    which the primary metric is defined, or all bootstrap repeats give the same value.
    """
    since = find_stretch_start(cursor, spec, champion, other, until)
    ours, theirs = pair_rows(
        matured_rows(cursor, spec, other.version, since, until, in_shadow=True),
        matured_rows(cursor, spec, champion.version, since, until),
    )
    metric = spec.primary_metric
    mine, champions = ours.predictions, theirs.predictions
    if not mine.rows or not metric_values(mine, only=[metric]):
        return None
    (found,) = compare(
        mine,
        champions,
        ours.resampling(spec),
        against="champion",
        version=champion.version,
        metrics=[metric],
        minimum_positives=spec.shadow.min_positives,
    )
    if found.ours is None or found.theirs is None or not found.standard_error:
        return None
    difference = found.ours - found.theirs
    this_look = Look(found.positives, difference, found.standard_error)
    decided = judge(spec, [*_earlier(cursor, spec, champion, other, since, until), this_look])
    interval = decided.difference or Interval(value=difference, low=difference, high=difference)
    return {
        "model": spec.name,
        "champion": champion.version,
        "version": other.version,
        "role": _role(other),
        "since": since,
        "day": until,
        "metric": metric,
        "rows": found.rows,
        "positives": found.positives,
        "ours": found.ours,
        "champions": found.theirs,
        "difference": difference,
        "standard_error": found.standard_error,
        "low": interval.low,
        "high": interval.high,
        "verdict": decided.verdict,
    }


def judge(spec: ModelSpec, looks: Sequence[Look]) -> SequentialFinding:
    """The verdict of all looks together, with an error of at most `shadow.alpha` in total."""
    return decide(
        looks,
        lower_is_better=find_metric(spec.primary_metric).lower_is_better,
        alpha=spec.shadow.alpha,
        minimum_positives=spec.shadow.min_positives,
    )


def last_looks(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    others: Sequence[Version],
    until: date,
) -> tuple[ComparisonVerdict, ...]:
    """The verdict so far on each of `others`, in the stretch that contains the day `until`.

    Versions without a look in that stretch are omitted.
    """
    if not tables.has_columns(cursor, layout.COMPARISONS):
        return ()
    names = list(tables.COLUMNS[layout.COMPARISONS])
    compared = []
    for other in others:
        since = find_stretch_start(cursor, spec, champion, other, until)
        row = cursor.execute(
            f"SELECT {', '.join(map(quote, names))} {_LOOKS} ORDER BY day DESC LIMIT 1",
            _look_key(spec, champion, other, since),
        ).fetchone()
        if row is not None:
            found = dict(zip(names, row, strict=True))
            compared.append(ComparisonVerdict(other.version, _role(other), found["verdict"], found))
    return tuple(compared)


def find_stretch_start(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    other: Version,
    until: date,
) -> date:
    """The first day of the stretch of these two versions that contains the rows before `until`.

    The first stretch begins when both have been tested and the last event that separated them has
    passed; each further one begins `STRETCH_LENGTH` after the one before. If the capacity is per
    week, they begin on Mondays.
    """
    first = max(
        _last_rollback(cursor, spec, champion, other),
        _last_other_champion(cursor, spec, champion, until),
        *(Split.from_json(version.split).untested_from for version in (champion, other)),
    )
    start = first + max(until - first - DAY, timedelta()) // STRETCH_LENGTH * STRETCH_LENGTH
    return spec.capacity.period.ceil(start) if spec.capacity else start


_LOOKS = (
    f"FROM {qualified(layout.COMPARISONS)} "
    "WHERE model = ? AND champion = ? AND version = ? AND metric = ? AND since = ?"
)


def _earlier(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    other: Version,
    since: date,
    before: date,
) -> list[Look]:
    """The looks of the stretch since that day, before another day, oldest first."""
    if not tables.has_columns(cursor, layout.COMPARISONS):
        return []
    rows = cursor.execute(
        f"SELECT positives, difference, standard_error {_LOOKS} AND day < ? ORDER BY day",
        [*_look_key(spec, champion, other, since), before],
    ).fetchall()
    return [Look(*row) for row in rows]


def _look_key(spec: ModelSpec, champion: Version, other: Version, since: date) -> list[object]:
    return [spec.name, champion.version, other.version, spec.primary_metric, since]


def _last_rollback(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, champion: Version, other: Version
) -> date:
    """The last time at which one of the two was rolled back."""
    moves = find_transitions(cursor, spec.name)
    pair = {champion.version, other.version}
    rollbacks = (m for m in moves if m.to_state == "rolled_back" and m.version in pair)
    return next((move.decided_at.date() for move in rollbacks), date.min)


def _last_other_champion(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, champion: Version, until: date
) -> date:
    """The last day before `until` up to which looks at another champion had seen the rows."""
    if not table_exists(cursor, layout.COMPARISONS):
        return date.min
    query = (
        f"SELECT max(day) FROM {qualified(layout.COMPARISONS)} "
        "WHERE model = ? AND champion <> ? AND day < ?"
    )
    found: date | None = fetch_value(cursor, query, [spec.name, champion.version, until])
    return found or date.min


def _role(other: Version) -> str:
    return "shadow" if other.state == "shadow" else "predecessor"
