"""Batch scoring: the champion predicts every new spine row, once, as its features become final.

Versions beside it predict the same rows in the same commit and decide nothing. Nothing is trained
or promoted here. Which rows are new follows from load ids, as everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from lakehouse.lake import Author, Lake, LakeError, qualified
from lakehouse.lake.lake import fetch_value
from lakehouse.lake.progress import Progress, read_progress, write_progress
from lakehouse.registry.thresholds import write_thresholds
from lakehouse.registry.versions import lake_time
from lakehouse.scoring.log import Stamp
from lakehouse.scoring.reasons import explain
from lakehouse.scoring.scorers import Scorer, ShadowReport, find_scorers
from lakehouse.scoring.thresholds import choose_thresholds
from lakehouse.scoring.wanted import Predicted, Range, predict, want
from lakehouse.scoring.writing import write_predictions
from lakehouse.training import ModelSpec
from lakehouse.training.inputs import stale_sets


@dataclass(frozen=True)
class ScoreReport:
    """What one call of `score` did.

    `rows` were written with `version`; `without_features` spine rows of the same loads have none
    and never will, so they are not scored; `waiting` ones wait for features. `load_id` is the last
    load worked in. `stale_sets` are feature sets whose current version is another one than the
    champion reads, so that rows would wait for ever: let a version be promoted that reads it.
    `shadows` tells of each version beside the champion; `unexplained` why alerts have no reasons;
    `clipped` how many values of a feature were beyond what a model can read.
    """

    model: str
    version: str
    rows: int
    without_features: int
    waiting: int
    load_id: int
    stale_sets: tuple[str, ...]
    shadows: tuple[ShadowReport, ...] = ()
    unexplained: str = ""
    clipped: Mapping[str, int] = field(default_factory=dict)


class ScoredMeanwhile(LakeError):
    """Another process scored the same rows while this one was at it."""


def score(
    spec: ModelSpec,
    lake: Lake,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
    run_id: str = "",
    now: datetime | None = None,
) -> ScoreReport:
    """Score what is new with the champion, from the start of its test period on.

    Earlier rows are what it learnt from, so a score of theirs would say nothing. A load is scored
    when the features of all its rows are final. Doing it again changes nothing.

    Shadows and the champion's predecessor score the same rows, from the end of their own test
    periods on, those included that were scored before they began. One that cannot (its features are
    stale, its artefact is broken) is left out and told in the report, and catches up later.

    With `since` or `until` (spine times, naive UTC, the end excluded) or `full_refresh`, rows of
    that range are predicted anew as well, and replaced in the same commit; those before the
    champion's test period keep what was said of them at the time. Thresholds stay as they were.

    Raises:
        NoChampion: when nothing has been promoted.
        BadArtefact, SchemaMismatch: when the champion cannot be used; the log stays as it was.
    """
    redo = Range(since, until) if full_refresh or since or until else None
    with lake.reader() as reader, lake.cursor() as stage:
        scorers, skipped = find_scorers(reader, spec, lake)
        champion = scorers[0]
        wanted = want(reader, spec, scorers, redo)
        predicted = predict(reader, stage, spec, scorers) if any(wanted) else Predicted()
        scorers, broken = _without(scorers, predicted.failed)
        skipped += broken
        rows = _count(stage, scorers) if any(wanted) else [0] * len(scorers)
        judged = any(rows) and spec.task == "binary"
        thresholds = choose_thresholds(reader, stage, spec, scorers) if judged else {}
        report = ScoreReport(
            model=spec.name,
            version=champion.name,
            rows=rows[0],
            without_features=wanted[0] - rows[0],
            waiting=_waiting(reader, spec, champion.after),
            load_id=champion.after.load_id,
            stale_sets=stale_sets(reader, champion.model.card.features),
            shadows=(
                *(
                    ShadowReport(scorer.name, scorer.version.state, count)
                    for scorer, count in zip(scorers[1:], rows[1:], strict=True)
                ),
                *skipped,
            ),
            unexplained=explain(reader, stage, spec, champion) if judged else "",
            clipped=predicted.clipped,
        )
        moved = any(scorer.after != scorer.before for scorer in scorers)
        if redo is None and not any(rows) and not moved:
            return report
        message = f"{sum(rows)} predictions by {', '.join(scorer.name for scorer in scorers)}"
        stamp = Stamp(run_id, lake_time(now))
        with lake.writer(Author(spec.predictions_table, run_id, message)) as writer:
            if any(read_progress(writer, s.progress_name) != s.before for s in scorers):
                raise ScoredMeanwhile(
                    f"another process wrote {spec.predictions_table} meanwhile; run it again"
                )
            write_predictions(reader, stage, writer, spec, scorers, any(rows), redo, stamp)
            for name, found in thresholds.items():
                write_thresholds(writer, spec.name, name, found, run_id)
            for scorer in scorers:
                write_progress(writer, scorer.progress_name, scorer.after)
    return report


def _without(
    scorers: list[Scorer], failed: Mapping[str, str]
) -> tuple[list[Scorer], list[ShadowReport]]:
    """Those that did not fail, and a report of each that did."""
    reports = [
        ShadowReport(scorer.name, scorer.version.state, 0, failed[scorer.name])
        for scorer in scorers
        if scorer.name in failed
    ]
    return [scorer for scorer in scorers if scorer.name not in failed], reports


def _count(stage: duckdb.DuckDBPyConnection, scorers: Sequence[Scorer]) -> list[int]:
    query = "SELECT version, count(*) FROM scored GROUP BY version"
    counts = dict(stage.execute(query).fetchall())
    return [counts.get(scorer.name, 0) for scorer in scorers]


def _waiting(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, after: Progress) -> int:
    query = f"SELECT count(*) FROM {qualified(spec.spine.table)} WHERE _load_id > ?"
    return int(fetch_value(cursor, query, [after.load_id]))
