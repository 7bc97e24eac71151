"""The champion against each version that scores beside it, on the same matured rows, look by look.

Both said what they said before any label was known, so nothing could leak; and it is the rows that
the champion decided about. With `actions.mode: block` only the control stream has honest labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from lakehouse.evaluation.compare import compare
from lakehouse.evaluation.direction import LOWER_IS_BETTER
from lakehouse.evaluation.document import Interval, Verdict
from lakehouse.evaluation.sequential import Finding as Decided
from lakehouse.evaluation.sequential import Look, decide
from lakehouse.lake import qualified, quote
from lakehouse.lake.lake import table_exists
from lakehouse.monitoring import tables
from lakehouse.monitoring.matured import matured_rows, paired
from lakehouse.registry import Version
from lakehouse.registry.versions import find_transitions
from lakehouse.training import ModelSpec, Split

REACH = timedelta(days=90)
"""A comparison begins anew after so long: cost is bounded, and the error allowed is per so long."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Compared:
    """What all looks together say of a version beside the champion; the last look is evidence."""

    version: str
    role: str
    verdict: Verdict
    evidence: Mapping[str, Any]


def look(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    other: Version,
    until: date,
) -> dict[str, Any] | None:
    """One more look at all rows that both scored and that matured before the day `until`.

    As a row to keep, with what all looks together say of `other`. None when they share no row that
    can tell the primary metric, or all repeats of the bootstrap say the same.
    """
    since = _parted(cursor, spec, champion, other)
    begin = max(since, *(Split.from_json(v.split).test_until.date() for v in (champion, other)))
    begin += max(until - begin - DAY, timedelta()) // REACH * REACH
    ours, theirs = paired(
        matured_rows(cursor, spec, other.version, begin, until, beside=True),
        matured_rows(cursor, spec, champion.version, begin, until),
    )
    metric = spec.primary_metric
    mine, champions = ours.judged_by(metric), theirs.judged_by(metric)
    if not mine.rows or not mine.metrics(only=[metric]):
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
    here = Look(found.positives, difference, found.standard_error)
    decided = judge(spec, [*_earlier(cursor, spec, champion, other, since, until), here])
    reach = decided.difference or Interval(value=difference, low=difference, high=difference)
    return {
        "model": spec.name,
        "champion": champion.version,
        "version": other.version,
        "role": _role(other),
        "day": until,
        "metric": metric,
        "rows": found.rows,
        "positives": found.positives,
        "ours": found.ours,
        "champions": found.theirs,
        "difference": difference,
        "standard_error": found.standard_error,
        "low": reach.low,
        "high": reach.high,
        "verdict": decided.verdict,
    }


def judge(spec: ModelSpec, looks: Sequence[Look]) -> Decided:
    """What all looks say together, with an error of `shadow.alpha` at most, however many."""
    return decide(
        looks,
        lower_is_better=spec.primary_metric in LOWER_IS_BETTER,
        alpha=spec.shadow.alpha,
        minimum_positives=spec.shadow.min_positives,
    )


def last_looks(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    others: Sequence[Version],
) -> tuple[Compared, ...]:
    """What the looks so far say of each of `others`; nothing of one that was never looked at."""
    if not table_exists(cursor, tables.COMPARISONS):
        return ()
    names = list(tables.COLUMNS[tables.COMPARISONS])
    compared = []
    for other in others:
        row = cursor.execute(
            f"SELECT {', '.join(map(quote, names))} {_LOOKS} ORDER BY day DESC LIMIT 1",
            _pair(spec, champion, other, _parted(cursor, spec, champion, other)),
        ).fetchone()
        if row is not None:
            found = dict(zip(names, row, strict=True))
            compared.append(Compared(other.version, _role(other), found["verdict"], found))
    return tuple(compared)


_LOOKS = (
    f"FROM {qualified(tables.COMPARISONS)} "
    "WHERE model = ? AND champion = ? AND version = ? AND metric = ? AND day > ?"
)


def _earlier(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    other: Version,
    since: date,
    before: date,
) -> list[Look]:
    """The looks at this pair before that day, the oldest first."""
    if not table_exists(cursor, tables.COMPARISONS):
        return []
    rows = cursor.execute(
        f"SELECT positives, difference, standard_error {_LOOKS} AND day < ? ORDER BY day",
        [*_pair(spec, champion, other, since), before],
    ).fetchall()
    return [Look(*row) for row in rows]


def _pair(spec: ModelSpec, champion: Version, other: Version, since: date) -> list[object]:
    return [spec.name, champion.version, other.version, spec.primary_metric, since]


def _parted(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, champion: Version, other: Version
) -> date:
    """When one of the two was last rolled back: what spoke for it until then, speaks no more."""
    moves = find_transitions(cursor, spec.name)
    pair = {champion.version, other.version}
    back = (m for m in moves if m.to_state == "rolled_back" and m.version in pair)
    return next((move.decided_at.date() for move in back), date.min)


def _role(other: Version) -> str:
    return "shadow" if other.state == "shadow" else "predecessor"
