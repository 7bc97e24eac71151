"""Volume: whether as many rows came as on the same weekday of the weeks before. Whole days only.

Counts spine rows, by the day on which a row became known: the rows to score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import duckdb

from lakehouse.lake import qualified
from lakehouse.models import ModelSpec
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look.drift import DAY, Days

WEEKS = 6
MIN_WEEKS = 2
CHANCE_DEVIATIONS = 4.0
"""A difference of this many standard deviations of a Poisson count may always be chance: three
rows where nine are usual are not an incident."""


@dataclass(frozen=True)
class DayVolume:
    """Rows of a day, the expected number and the usual range; None without earlier weeks."""

    day: date
    rows: int
    expected: float | None
    low: float | None
    high: float | None


def judge_volume(counts: Sequence[int], days: Days, factor: float) -> list[DayVolume]:
    """The volume of `days`; `counts` starts with the `WEEKS` weeks before them.

    Expected is the median of the same weekday in those weeks. Leading days without any row are
    before the start of the data, and are not evidence.
    """
    first_day = next((i for i, rows in enumerate(counts) if rows), len(counts))
    found = []
    for i in range(len(days)):
        place = len(counts) - len(days) + i
        earlier = [
            counts[place - 7 * week]
            for week in range(1, WEEKS + 1)
            if place - 7 * week >= first_day
        ]
        day, rows = days.first + i * DAY, counts[place]
        if len(earlier) < MIN_WEEKS:
            found.append(DayVolume(day, rows, None, None, None))
            continue
        expected = float(median(earlier))
        chance = CHANCE_DEVIATIONS * max(expected, 1.0) ** 0.5
        low, high = (
            min(expected / factor, expected - chance),
            max(expected * factor, expected + chance),
        )
        found.append(DayVolume(day, rows, expected, max(low, 0.0), high))
    return found


def count_spine(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, days: Days) -> list[int]:
    """Rows of the spine that became known on each of `days` and of the `WEEKS` weeks before."""
    first = days.first - timedelta(weeks=WEEKS)
    found = dict(
        cursor.execute(
            f"SELECT CAST(known_at AS DATE), count(*) FROM {qualified(spec.spine.table)} "
            "WHERE known_at >= ? AND known_at < ? GROUP BY 1",
            Days(first, days.until).bounds,
        ).fetchall()
    )
    return [found.get(first + i * DAY, 0) for i in range((days.until - first).days)]


def volume_findings(spec: ModelSpec, volumes: Sequence[DayVolume]) -> list[Finding]:
    """One verdict for each day that has earlier weeks to compare with."""
    found = []
    for one in volumes:
        if one.low is None or one.high is None:
            continue
        too_few = one.rows < one.low
        passed = not too_few and one.rows <= one.high
        cause = (
            f"{one.rows} rows of {spec.spine.table} on {one.day:%A, %Y-%m-%d}; {one.expected:g} "
            f"were expected, and {one.low:.0f} to {one.high:.0f} are allowed"
        )
        remedy = (
            "check whether the source delivered all of its files, and what is in quarantine"
            if too_few
            else "check whether the source delivered rows twice, or why there are so many"
        )
        found.append(
            Finding(
                name="volume",
                day=one.day,
                passed=passed,
                value=float(one.rows),
                bound=one.low if too_few else one.high,
                severity="error" if one.rows == 0 and not passed else "warn",
                cause="" if passed else cause,
                remedy="" if passed else remedy,
            )
        )
    return found
