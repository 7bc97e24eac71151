"""From which score a batch is flagged: for each version and day, from its scores of earlier days.

The k highest of a day cannot be known when its first row comes in, so the threshold of a day is the
score that the declared number of alerts a day reached over the `trailing` days before it. That
depends on days and not on batches: scored at once or day by day, the decisions are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakehouse.evaluation.metrics import threshold_at_capacity
from lakehouse.lake import qualified, quote
from lakehouse.lake.lake import table_exists
from lakehouse.registry.thresholds import Threshold, find_thresholds, latest
from lakehouse.scoring.log import shadow_table
from lakehouse.scoring.scorers import Scorer
from lakehouse.training import ModelSpec
from lakehouse.training.spec import Settled
from lakehouse.training.split import DAY

FULL_DAY = timedelta(hours=23)
"""A version's first day counts if its scores cover that much of it."""


@dataclass(frozen=True)
class _History:
    """A version's highest scores by day, (scores,) each, and how many scores the days have."""

    day: npt.NDArray[Any]
    score: npt.NDArray[np.float64]
    counts: dict[datetime, int]


def choose_thresholds(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Sequence[Scorer],
) -> dict[str, list[Threshold]]:
    """Fill the temporary table `thresholds` (version, day, threshold) of `stage` for `scored`.

    Days in the past keep the threshold that was in force. Returns the new ones by version, to be
    registered: at most one a day, and only when it changes.
    """
    stage.execute("CREATE TEMP TABLE thresholds (version VARCHAR, day TIMESTAMP, threshold DOUBLE)")
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
        ahead = [day for day in days if past is None or day > past or not latest(recorded, day)]
        history = _history(reader, stage, spec, scorer, ahead) if ahead else None
        for day in days:
            threshold = latest(recorded, day)
            if day in ahead and history is not None:
                found = _threshold(spec, scorer, history, day)
                if threshold is None or found.threshold != threshold.threshold:
                    new.setdefault(scorer.name, []).append(found)
                    recorded = sorted([*recorded, found], key=lambda t: t.valid_from)
                    threshold = found
            assert threshold is not None
            stage.execute(
                "INSERT INTO thresholds VALUES (?, ?, ?)", [scorer.name, day, threshold.threshold]
            )
    return new


def _threshold(spec: ModelSpec, scorer: Scorer, history: _History, day: datetime) -> Threshold:
    own = scorer.model.card.threshold
    assert own is not None
    assert spec.capacity is not None
    if spec.threshold.rule == "cost":
        return Threshold(day, own, "cost")
    since = day - spec.threshold.trailing
    days = [d for d in history.counts if since <= d < day]
    if not days:
        return Threshold(day, own, "first")
    score = history.score[
        (history.day >= np.datetime64(since)) & (history.day < np.datetime64(day))
    ]
    # not below the base rate, as `first_threshold` says
    value = max(
        threshold_at_capacity(score, len(days), spec.capacity.alerts), scorer.model.card.baseline
    )
    rows = sum(history.counts[d] for d in days)
    reached = float((score >= value).sum()) / len(days)
    return Threshold(day, value, "capacity", len(days), rows, reached)


def _history(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorer: Scorer,
    days: list[datetime],
) -> _History:
    """What the version said on the days before `days`, in the log and just now.

    Of each day only as many scores are kept as can be alerts: memory follows the capacity, not the
    rows. Units count once a day, by their highest score, and not at all after they became known.
    """
    assert spec.capacity is not None
    trailing = spec.threshold.trailing
    unit = spec.capacity.unit
    columns = f"event_time, {quote(unit) if unit else 'NULL'} AS unit, score"
    parts = [f"SELECT {columns} FROM scored WHERE version = $version"]
    for table in (spec.predictions_table, shadow_table(spec)):
        if table_exists(reader, table):  # without what is being predicted anew
            key = quote(spec.spine.key)
            parts.append(
                f"SELECT {columns} FROM {qualified(table)} WHERE model_version = $version "
                f"AND {key} NOT IN (SELECT {key} FROM scored WHERE version = $version)"
            )
    said, removed = "said", ""
    if unit and spec.capacity.known_removed:
        stage.register("known", _known(reader, spec))
        said, removed = "said LEFT JOIN known USING (unit)", "WHERE day <= coalesce(known_at, day)"
    best = "max(score) AS score" if unit else "score"
    grouped = "GROUP BY day, unit" if unit else ""
    found: dict[str, npt.NDArray[Any]] = stage.execute(
        f"""WITH logged AS (
                FROM ({" UNION ALL ".join(parts)})
                WHERE event_time >= $since AND event_time < $until AND NOT isnan(score)
            ),
            said AS (
                SELECT date_trunc('day', event_time) AS day, unit, score FROM logged
                WHERE day >= (SELECT date_trunc('day', min(event_time) + $full_day) FROM logged)
            ),
            counted AS (SELECT day, {best} FROM {said} {removed} {grouped})
            SELECT day, score, count(*) OVER (PARTITION BY day) AS rows FROM counted
            QUALIFY row_number() OVER (PARTITION BY day ORDER BY score DESC) <= $most""",
        {
            "version": scorer.name,
            "since": days[0] - trailing,
            "until": days[-1],
            "full_day": FULL_DAY,
            "most": spec.capacity.alerts * -(-trailing // DAY),
        },
    ).fetchnumpy()  # type: ignore[assignment]  # nothing here is an ENUM
    if removed:
        stage.unregister("known")
    counts = dict(zip(found["day"].tolist(), found["rows"].tolist(), strict=True))
    return _History(found["day"], found["score"], counts)


def _known(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> pa.Table:
    """Units with a positive that is known, and since when."""
    assert spec.capacity is not None
    assert isinstance(spec.label, Settled)  # a binary model's is
    label, key = spec.label, quote(spec.label.key or spec.spine.key)
    return cursor.execute(
        f"""SELECT s.{quote(spec.capacity.unit)} AS unit, min(l.{quote(label.known_at)}) AS known_at
            FROM {qualified(label.table)} l JOIN {qualified(spec.spine.table)} s
            ON s.{quote(spec.spine.key)} = l.{key}
            WHERE CAST(l.{quote(label.column)} AS BOOLEAN) GROUP BY 1"""
    ).to_arrow_table()
