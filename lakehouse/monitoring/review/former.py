"""Replaced champions: the rows that they decided about are monitored and evaluated like any others.

A champion that is replaced as soon as rows land never decides about rows that mature during its
time. Without this module, a model that is often retrained would never be evaluated. Nothing acts on
these results, since these versions no longer decide.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import duckdb

from lakehouse.lake import Progress, qualified, read_progress, write_progress
from lakehouse.lake.layout import review_progress
from lakehouse.models import ModelSpec, Split
from lakehouse.monitoring.progress import former_champions
from lakehouse.monitoring.review.matured import matured_rows
from lakehouse.monitoring.review.performance import WEEK, performance_rows
from lakehouse.registry import Version


@dataclass(frozen=True)
class FormerReview:
    """Rows of `layout.PERFORMANCE`, and how far each former champion is evaluated, by name."""

    performance: list[dict[str, Any]]
    progress: dict[str, Progress]

    def write_progress(self, writer: duckdb.DuckDBPyConnection) -> None:
        """Record how far they are evaluated, in the open transaction."""
        for name, progress in self.progress.items():
            write_progress(writer, name, progress)


def review_former(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, champion: Version, until: date | None
) -> FormerReview:
    """Evaluate rows that former champions decided about and that matured before the day `until`."""
    done = FormerReview([], {})
    if until is None:
        return done
    for version, last_load in former_champions(cursor, spec, champion, review_progress):
        name = review_progress(spec.name, version.version)
        before = read_progress(cursor, name)
        tested = Split.from_json(version.split).untested_from
        first = max(tested, before.seal.date()) if before.seal else tested
        if until <= first:
            continue
        week = max(tested, first - WEEK)  # a week that ends now has days that were reported before
        rows = matured_rows(cursor, spec, version.version, week, until)
        done.performance.extend(
            performance_rows(spec, version.version, "champion", rows, first, until)
        )
        row = cursor.execute(
            f"SELECT max(event_time) FROM {qualified(spec.predictions_table)} "
            "WHERE model_version = ?",
            [version.version],
        ).fetchone()
        newest = row[0].date() if row and row[0] else date.min
        midnight = datetime.combine(until, time())
        done.progress[name] = Progress(last_load if newest < until else before.load_id, midnight)
    return done
