"""The score above which a batch is flagged: per version and period, from scores of earlier periods.

A period is that of the capacity: a day, or a week. The k highest scores of a period are unknown
when its first row arrives, so its threshold is the score that the declared number of alerts
exceeded over the `trailing` periods before it. Rising or falling scores outrun that threshold, so
the excess or shortfall of the periods before is compensated. Everything depends on periods and not
on batches: whether rows are scored at once or day by day, the decisions are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.lake import qualified, quote, table_exists
from lakehouse.lake.layout import shadow_table
from lakehouse.models import ModelSpec
from lakehouse.models.spec import Settled
from lakehouse.models.split import DAY
from lakehouse.models.threshold import cut_at
from lakehouse.registry.thresholds import Threshold, find_thresholds, latest
from lakehouse.scoring.scorers import Scorer

MISSING = timedelta(hours=1)
"""A version's first period counts if its scores cover all of it but this."""

MAX_CORRECTION = 0.5
"""The target of a period stays between half and one and a half times the capacity."""

FLAGGED = (
    "(s.score > t.threshold OR (s.score = t.threshold AND s.lot < t.ties)) "
    "AND NOT isnan(s.score)"  # SQL sorts NaN above every number
)
"""SQL condition that a row s of `scored` passes the threshold t of its period."""


def threshold_join(spec: ModelSpec) -> str:
    """SQL condition that t of `thresholds` holds for a row s of `scored`."""
    assert spec.capacity is not None
    start = spec.capacity.period.start_sql("s.event_time")
    return f"t.version = s.version AND t.start = {start}"


@dataclass(frozen=True)
class History:
    """A version's highest scores by the midnight at which their period begins, each with its number
    of occurrences; arrays of (scores,).

    `counts` is the total number of scores per period.
    """

    start: npt.NDArray[Any]
    score: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    counts: dict[datetime, int]

    def between(self, since: datetime, until: datetime) -> npt.NDArray[np.bool_]:
        """Mask of the scores of periods from `since` to before `until`."""
        inside: npt.NDArray[np.bool_] = (self.start >= np.datetime64(since)) & (
            self.start < np.datetime64(until)
        )
        return inside

    def count_passed(self, chosen: npt.NDArray[np.bool_], threshold: Threshold) -> float:
        """The number of the `chosen` scores that pass a threshold; equal ones count by the share
        `ties`."""
        score, times = self.score[chosen], self.times[chosen]
        above = times[score > threshold.threshold].sum()
        return float(above + threshold.ties * times[score == threshold.threshold].sum())


def choose_thresholds(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Sequence[Scorer],
) -> dict[str, list[Threshold]]:
    """Fill the temporary table `thresholds` (version, start, threshold, ties) of `stage`.

    It has the start of every period of `scored`. Past periods keep the threshold that was in force.
    Returns the new thresholds by version, for the registry: at most one a period, and only when it
    changes.
    """
    assert spec.capacity is not None
    start = spec.capacity.period.start_sql("event_time")
    stage.execute(
        "CREATE TEMP TABLE thresholds "
        "(version VARCHAR, start TIMESTAMP, threshold DOUBLE, ties DOUBLE)"
    )
    new: dict[str, list[Threshold]] = {}
    for scorer in {scorer.name: scorer for scorer in scorers}.values():
        recorded = find_thresholds(reader, spec.name, scorer.name)
        starts = [
            start
            for (start,) in stage.execute(
                f"SELECT DISTINCT {start} FROM scored WHERE version = ? ORDER BY 1",
                [scorer.name],
            ).fetchall()
        ]
        past = recorded[-1].valid_from if recorded else None
        due = [each for each in starts if past is None or each > past or not latest(recorded, each)]
        history = _history(reader, stage, spec, scorer, due) if due else None
        for each in starts:
            threshold = latest(recorded, each)
            if each in due and history is not None:
                found = _threshold(spec, scorer, history, recorded, each)
                if threshold is None or _differ(found, threshold):
                    new.setdefault(scorer.name, []).append(found)
                    recorded = sorted([*recorded, found], key=lambda t: t.valid_from)
                    threshold = found
            assert threshold is not None
            stage.execute(
                "INSERT INTO thresholds VALUES (?, ?, ?, ?)",
                [scorer.name, each, threshold.threshold, threshold.ties],
            )
    return new


def _differ(one: Threshold, other: Threshold) -> bool:
    return (one.threshold, one.ties) != (other.threshold, other.ties)


def _threshold(
    spec: ModelSpec,
    scorer: Scorer,
    history: History,
    recorded: Sequence[Threshold],
    start: datetime,
) -> Threshold:
    card = scorer.model.card
    assert card.threshold is not None
    assert spec.capacity is not None
    if spec.threshold.rule == "cost":
        return Threshold(start, card.threshold, "cost")
    since = start - spec.threshold.trailing
    periods = [each for each in history.counts if since <= each < start]
    if not periods:
        return Threshold(start, card.threshold, "first", ties=card.ties)
    inside = history.between(since, start)
    target = target_alerts(
        history, recorded, periods, spec.capacity.alerts, spec.capacity.period.length
    )
    cut = cut_at(history.score[inside], history.times[inside], target)
    rows = sum(history.counts[each] for each in periods)
    days = len(periods) * spec.capacity.period.days
    found = Threshold(start, cut.threshold, "capacity", days, rows, 0.0, cut.ties)
    alerts_per_day = history.count_passed(inside, found) / days
    return Threshold(**{**vars(found), "alerts_per_day": alerts_per_day})


def target_alerts(
    history: History,
    recorded: Sequence[Threshold],
    periods: Sequence[datetime],
    alerts: int,
    length: timedelta = DAY,
) -> float:
    """The number of scores of `periods`, each of this `length` and with `alerts`, that should pass:
    the capacity, plus the shortfall so far.

    Integral control, as in budget pacing (Åström & Murray, *Feedback Systems*, 2008, chapter 10):
    without it, rising scores bring too many alerts for as long as they rise.
    """
    raised = 0.0
    for start in periods:
        threshold = latest(recorded, start)
        if threshold is None:  # logged before thresholds were recorded
            raised += alerts
            continue
        raised += history.count_passed(history.between(start, start + length), threshold)
    capacity = float(alerts * len(periods))
    correction = np.clip((capacity - raised) / capacity, -MAX_CORRECTION, MAX_CORRECTION)
    return max(1.0, round(capacity * float(1 + correction)))


def _history(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorer: Scorer,
    starts: list[datetime],
) -> History:
    """The version's scores in the periods before `starts`, from the log and from this run.

    Keeps only as many scores of each period as there can be alerts, equal ones as one, so memory
    depends on the capacity and not on the rows. A unit counts once a period, by its highest score,
    and no longer counts once it is known.
    """
    assert spec.capacity is not None
    period = spec.capacity.period
    trailing = spec.threshold.trailing
    unit = spec.capacity.unit
    columns = f"event_time, {quote(unit) if unit else 'NULL'} AS unit, score"
    parts = [f"SELECT {columns} FROM scored WHERE version = $version"]
    for table in (spec.predictions_table, shadow_table(spec.name)):
        if table_exists(reader, table):  # without the rows that are predicted again
            key = quote(spec.spine.key)
            parts.append(
                f"SELECT {columns} FROM {qualified(table)} WHERE model_version = $version "
                f"AND {key} NOT IN (SELECT {key} FROM scored WHERE version = $version)"
            )
    scores, removed = "period_scores", ""
    if unit and spec.capacity.known_removed:
        stage.register("known", known_units(reader, spec))
        scores, removed = (
            "period_scores LEFT JOIN known USING (unit)",
            "WHERE start <= coalesce(known_at, start)",
        )
    best = "max(score) AS score" if unit else "score"
    grouped = "GROUP BY start, unit" if unit else ""
    found: Mapping[str, npt.NDArray[Any]] = stage.execute(
        f"""WITH logged AS (
                FROM ({" UNION ALL ".join(parts)})
                WHERE event_time >= $since AND event_time < $until AND NOT isnan(score)
            ),
            period_scores AS (
                SELECT {period.start_sql("event_time")} AS start, unit, score FROM logged
                WHERE start >= (SELECT {period.start_sql("min(event_time) + $whole")} FROM logged)
            ),
            counted AS (SELECT start, {best} FROM {scores} {removed} {grouped}),
            equal AS (SELECT start, score, count(*) AS times FROM counted GROUP BY start, score)
            SELECT start, score, times, CAST(sum(times) OVER (PARTITION BY start) AS BIGINT) AS rows
            FROM equal
            QUALIFY sum(times) OVER (PARTITION BY start ORDER BY score DESC) - times < $max_rows
            ORDER BY start, score""",
        {
            "version": scorer.name,
            "since": starts[0] - trailing,
            "until": starts[-1],
            "whole": period.length - MISSING,
            "max_rows": 2 * spec.capacity.alerts * -(-trailing // period.length),
        },
    ).fetchnumpy()  # type: ignore[assignment]  # nothing here is an ENUM
    if removed:
        stage.unregister("known")
    counts = dict(zip(found["start"].tolist(), found["rows"].tolist(), strict=True))
    return History(found["start"], found["score"], found["times"].astype(np.float64), counts)


def known_units(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> pa.Table:
    """Units with a known positive, and the time since which it is known."""
    assert spec.capacity is not None
    assert isinstance(spec.label, Settled)  # the declaration refuses others
    label, key = spec.label, quote(spec.label.key or spec.spine.key)
    return cursor.execute(
        f"""SELECT s.{quote(spec.capacity.unit)} AS unit, min(l.{quote(label.known_at)}) AS known_at
            FROM {qualified(label.table)} l JOIN {qualified(spec.spine.table)} s
            ON s.{quote(spec.spine.key)} = l.{key}
            WHERE CAST(l.{quote(label.column)} AS BOOLEAN) GROUP BY 1"""
    ).to_arrow_table()
