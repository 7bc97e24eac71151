"""The score above which a batch is flagged: per version and day, from its scores of earlier days.

The k highest scores of a day are unknown when its first row arrives, so the threshold of a day is
the score that the declared number of alerts a day exceeded over the `trailing` days before it.
Rising or falling scores outrun that threshold, so the excess or shortfall of the days before is
compensated. Everything depends on days and not on batches: whether rows are scored at once or day
by day, the decisions are the same.
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

FULL_DAY = timedelta(hours=23)
"""A version's first day counts if its scores cover at least this much of it."""

MAX_CORRECTION = 0.5
"""The target of a day stays between half and one and a half times the capacity."""

FLAGGED = (
    "(s.score > t.threshold OR (s.score = t.threshold AND s.lot < t.ties)) "
    "AND NOT isnan(s.score)"  # SQL sorts NaN above every number
)
"""SQL condition that a row s of `scored` passes the threshold t of its day."""


@dataclass(frozen=True)
class History:
    """A version's highest scores by day, each with its number of occurrences; arrays of (scores,).

    `counts` is the total number of scores per day.
    """

    day: npt.NDArray[Any]
    score: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    counts: dict[datetime, int]

    def between(self, since: datetime, until: datetime) -> npt.NDArray[np.bool_]:
        """Mask of the scores of days from `since` to before `until`."""
        inside: npt.NDArray[np.bool_] = (self.day >= np.datetime64(since)) & (
            self.day < np.datetime64(until)
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
    """Fill the temporary table `thresholds` (version, day, threshold, ties) of `stage`.

    It has every day of `scored`. Past days keep the threshold that was in force. Returns the new
    thresholds by version, for the registry: at most one a day, and only when it changes.
    """
    stage.execute(
        "CREATE TEMP TABLE thresholds "
        "(version VARCHAR, day TIMESTAMP, threshold DOUBLE, ties DOUBLE)"
    )
    new: dict[str, list[Threshold]] = {}
    for scorer in {scorer.name: scorer for scorer in scorers}.values():
        recorded = find_thresholds(reader, spec.name, scorer.name)
        days = [
            day
            for (day,) in stage.execute(
                "SELECT DISTINCT date_trunc('day', event_time) FROM scored WHERE version = ? "
                "ORDER BY 1",
                [scorer.name],
            ).fetchall()
        ]
        past = recorded[-1].valid_from if recorded else None
        new_days = [day for day in days if past is None or day > past or not latest(recorded, day)]
        history = _history(reader, stage, spec, scorer, new_days) if new_days else None
        for day in days:
            threshold = latest(recorded, day)
            if day in new_days and history is not None:
                found = _threshold(spec, scorer, history, recorded, day)
                if threshold is None or _differ(found, threshold):
                    new.setdefault(scorer.name, []).append(found)
                    recorded = sorted([*recorded, found], key=lambda t: t.valid_from)
                    threshold = found
            assert threshold is not None
            stage.execute(
                "INSERT INTO thresholds VALUES (?, ?, ?, ?)",
                [scorer.name, day, threshold.threshold, threshold.ties],
            )
    return new


def _differ(one: Threshold, other: Threshold) -> bool:
    return (one.threshold, one.ties) != (other.threshold, other.ties)


def _threshold(
    spec: ModelSpec,
    scorer: Scorer,
    history: History,
    recorded: Sequence[Threshold],
    day: datetime,
) -> Threshold:
    card = scorer.model.card
    assert card.threshold is not None
    assert spec.capacity is not None
    if spec.threshold.rule == "cost":
        return Threshold(day, card.threshold, "cost")
    since = day - spec.threshold.trailing
    days = [d for d in history.counts if since <= d < day]
    if not days:
        return Threshold(day, card.threshold, "first", ties=card.ties)
    inside = history.between(since, day)
    target = target_alerts(history, recorded, days, spec.capacity.alerts)
    cut = cut_at(history.score[inside], history.times[inside], target)
    rows = sum(history.counts[d] for d in days)
    found = Threshold(day, cut.threshold, "capacity", len(days), rows, 0.0, cut.ties)
    alerts_per_day = history.count_passed(inside, found) / len(days)
    return Threshold(**{**vars(found), "alerts_per_day": alerts_per_day})


def target_alerts(
    history: History, recorded: Sequence[Threshold], days: Sequence[datetime], alerts: int
) -> float:
    """The number of scores of `days` that should pass: the capacity, plus the shortfall so far.

    Integral control, as in budget pacing (Åström & Murray, *Feedback Systems*, 2008, chapter 10):
    without it, rising scores bring too many alerts for as long as they rise.
    """
    raised = 0.0
    for day in days:
        threshold = latest(recorded, day)
        if threshold is None:  # logged before thresholds were recorded
            raised += alerts
            continue
        raised += history.count_passed(history.between(day, day + DAY), threshold)
    capacity = float(alerts * len(days))
    correction = np.clip((capacity - raised) / capacity, -MAX_CORRECTION, MAX_CORRECTION)
    return max(1.0, round(capacity * float(1 + correction)))


def _history(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorer: Scorer,
    days: list[datetime],
) -> History:
    """The version's scores on the days before `days`, from the log and from this run.

    Keeps only as many scores of each day as there can be alerts, equal ones as one, so memory
    depends on the capacity and not on the rows. A unit counts once a day, by its highest score, and
    no longer counts once it is known.
    """
    assert spec.capacity is not None
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
    scores, removed = "day_scores", ""
    if unit and spec.capacity.known_removed:
        stage.register("known", known_units(reader, spec))
        scores, removed = (
            "day_scores LEFT JOIN known USING (unit)",
            "WHERE day <= coalesce(known_at, day)",
        )
    best = "max(score) AS score" if unit else "score"
    grouped = "GROUP BY day, unit" if unit else ""
    found: Mapping[str, npt.NDArray[Any]] = stage.execute(
        f"""WITH logged AS (
                FROM ({" UNION ALL ".join(parts)})
                WHERE event_time >= $since AND event_time < $until AND NOT isnan(score)
            ),
            day_scores AS (
                SELECT date_trunc('day', event_time) AS day, unit, score FROM logged
                WHERE day >= (SELECT date_trunc('day', min(event_time) + $full_day) FROM logged)
            ),
            counted AS (SELECT day, {best} FROM {scores} {removed} {grouped}),
            equal AS (SELECT day, score, count(*) AS times FROM counted GROUP BY day, score)
            SELECT day, score, times, CAST(sum(times) OVER (PARTITION BY day) AS BIGINT) AS rows
            FROM equal
            QUALIFY sum(times) OVER (PARTITION BY day ORDER BY score DESC) - times < $max_rows
            ORDER BY day, score""",
        {
            "version": scorer.name,
            "since": days[0] - trailing,
            "until": days[-1],
            "full_day": FULL_DAY,
            "max_rows": 2 * spec.capacity.alerts * -(-trailing // DAY),
        },
    ).fetchnumpy()  # type: ignore[assignment]  # nothing here is an ENUM
    if removed:
        stage.unregister("known")
    counts = dict(zip(found["day"].tolist(), found["rows"].tolist(), strict=True))
    return History(found["day"], found["score"], found["times"].astype(np.float64), counts)


def known_units(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> pa.Table:
    """Units with a known positive, and the time since which it is known."""
    assert spec.capacity is not None
    assert isinstance(spec.label, Settled)  # a binary model's label is `Settled`
    label, key = spec.label, quote(spec.label.key or spec.spine.key)
    return cursor.execute(
        f"""SELECT s.{quote(spec.capacity.unit)} AS unit, min(l.{quote(label.known_at)}) AS known_at
            FROM {qualified(label.table)} l JOIN {qualified(spec.spine.table)} s
            ON s.{quote(spec.spine.key)} = l.{key}
            WHERE CAST(l.{quote(label.column)} AS BOOLEAN) GROUP BY 1"""
    ).to_arrow_table()
