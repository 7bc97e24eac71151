"""Batch scoring: every new spine row is decided about once, as soon as its features are final.

The version that was champion when a row landed decides about it; shadow versions predict the same
rows in the same commit and decide nothing. Nothing is trained or promoted here. Load ids determine
which rows are new, as everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from lakehouse.lake import (
    CATALOG,
    Author,
    Lake,
    LakeError,
    Progress,
    fetch_value,
    qualified,
    read_progress,
    write_progress,
)
from lakehouse.models import ModelSpec
from lakehouse.models.inputs import stale_sets
from lakehouse.registry.thresholds import write_thresholds
from lakehouse.registry.versions import lake_time
from lakehouse.scoring import fallback
from lakehouse.scoring.idle import why_no_rows
from lakehouse.scoring.log import Stamp
from lakehouse.scoring.pending import PredictionReport, Range, predict, select_pending
from lakehouse.scoring.reasons import explain
from lakehouse.scoring.scorers import Scorer, Scorers, ShadowReport, find_scorers
from lakehouse.scoring.tables import is_legacy_log
from lakehouse.scoring.thresholds import choose_thresholds
from lakehouse.scoring.writing import write_predictions


@dataclass(frozen=True)
class ScoreReport:
    """The outcome of one call of `score`.

    `rows` were decided, and `version` decides from now on. `former_champions` reports each version
    that decided because it was champion when rows landed, and each that should have and could not.
    `passed_over` rows of the same loads are older than the test period of the deciding version, so
    they may be its training rows; `without_features` rows have none and never will: neither are
    scored.
    `waiting` rows wait for features. `load_id` is the last load processed. `stale_sets` are feature
    sets whose current version differs from the one that the champion reads, so rows would wait
    forever: promote a version that reads the current one. `shadows` reports each shadow version,
    `why_no_rows` names what holds rows back if none was decided,
    `unexplained` why alerts have no reasons, and `clipped` how many values of a feature were
    outside the range that a model can read.
    """

    model: str
    version: str
    rows: int
    without_features: int
    waiting: int
    load_id: int
    stale_sets: tuple[str, ...]
    shadows: tuple[ShadowReport, ...] = ()
    former_champions: tuple[ShadowReport, ...] = ()
    passed_over: int = 0
    unexplained: str = ""
    clipped: Mapping[str, int] = field(default_factory=dict)
    why_no_rows: str = ""


class ConcurrentScoring(LakeError):
    """Another process scored the same rows at the same time."""


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
    """Score new rows, each by the version that was champion when it landed.

    If no champion is left, the declared fallback scores; it cannot redo rows.

    Of the rows that landed before a version was trained, it scores those from the start of its test
    period on: earlier ones may be training rows, so scoring them would be meaningless. The champion
    replaces a version that should decide and cannot, or that was rolled back. A load is scored when
    the features of all its rows are final. Running it again changes nothing.

    Shadows and the champion's predecessor score the same rows, from the end of their own test
    periods on, including rows that were scored before they began. One that cannot score (its
    features are stale, its artefact is broken) is skipped, appears in the report, and catches up
    later.

    With `since` or `until` (spine times, naive UTC, the end excluded) or `full_refresh`, the
    champion also predicts the rows of that range again; the new predictions supersede the earlier
    ones in the same commit. Rows before the champion's test period keep their prediction.
    Thresholds do not change.

    Raises:
        NoChampion: when no version has been promoted.
        Expired: when the champion may no longer decide.
        BadArtefact, SchemaMismatch: when the champion cannot be used; the log does not change.
    """
    with lake.reader() as reader:
        if fallback.is_active(reader, spec):
            return _score_by_fallback(spec, lake, run_id, now)
    redo = Range(since, until) if full_refresh or since or until else None
    failed: list[ShadowReport] = []
    while True:
        try:
            return _score(spec, lake, redo, run_id, now, failed)
        except _CannotDecide as error:  # a different version each time, so the loop ends
            failed.append(error.report)


class _CannotDecide(Exception):
    """An earlier champion failed on rows that it has to decide about."""

    def __init__(self, report: ShadowReport) -> None:
        super().__init__(report.skipped)
        self.report = report


def _score(
    spec: ModelSpec,
    lake: Lake,
    redo: Range | None,
    run_id: str,
    now: datetime | None,
    failed: Sequence[ShadowReport],
) -> ScoreReport:
    with lake.reader() as reader, lake.cursor() as stage:
        scorers = find_scorers(reader, spec, lake, lake_time(now), failed)
        champion = scorers.champion
        pending = select_pending(reader, spec, scorers, redo)
        counts: dict[int, int] = {}
        predicted = PredictionReport()
        if any(pending.values()):
            predicted = predict(reader, stage, spec, scorers)
            _raise_if_decider_failed(scorers, predicted.failed)
            scorers = scorers.without(predicted.failed)
            counts = _count(stage)
        deciding = [champion, *scorers.deciding]
        needs_thresholds = any(counts.values()) and spec.task.decides
        thresholds = choose_thresholds(reader, stage, spec, scorers.all) if needs_thresholds else {}
        rows = sum(counts.get(scorer.place, 0) for scorer in deciding)
        due = sum(pending[scorer.place] for scorer in deciding)
        waiting = _count_waiting(reader, spec, champion.after)
        passed_over = _count_landed(reader, spec, champion) - sum(
            pending[scorer.place] for scorer in scorers.deciding
        )
        report = ScoreReport(
            model=spec.name,
            version=champion.name,
            rows=rows,
            without_features=due - rows,
            waiting=waiting,
            load_id=champion.after.load_id,
            stale_sets=tuple(stale_sets(reader, champion.model.card.features)),
            shadows=(*_reports(scorers.shadows, counts), *scorers.skipped),
            former_champions=(
                *_reports([one for one in scorers.deciding if one.name != champion.name], counts),
                *scorers.replaced,
            ),
            passed_over=passed_over,
            unexplained=explain(reader, stage, spec, deciding) if needs_thresholds else "",
            clipped=predicted.clipped,
            why_no_rows=""
            if rows
            else why_no_rows(
                reader, spec, champion, due=due, passed_over=passed_over, waiting=waiting
            ),
        )
        moved = any(scorer.after != scorer.before for scorer in scorers.all)
        older = is_legacy_log(reader, spec.predictions_table)
        if redo is None and not rows and not any(counts.values()) and not moved and not older:
            return report
        names = dict.fromkeys(scorer.name for scorer in scorers.all)
        message = f"{sum(counts.values())} predictions by {', '.join(names)}"
        snapshot = int(fetch_value(reader, f"FROM {CATALOG}.current_snapshot()"))
        stamp = Stamp(run_id, lake_time(now), snapshot)
        with lake.writer(Author(spec.predictions_table, run_id, message)) as writer:
            if any(read_progress(writer, s.progress_name) != s.before for s in scorers.all):
                raise ConcurrentScoring(
                    f"another process wrote to {spec.predictions_table} at the same time; "
                    "run it again"
                )
            write_predictions(reader, stage, writer, spec, scorers, counts, redo, stamp)
            for name, found in thresholds.items():
                write_thresholds(writer, spec.name, name, found, run_id)
            for scorer in scorers.all:
                write_progress(writer, scorer.progress_name, scorer.after)
    return report


def _score_by_fallback(
    spec: ModelSpec, lake: Lake, run_id: str, now: datetime | None
) -> ScoreReport:
    found = fallback.score_by_fallback(spec, lake, run_id=run_id, now=now)
    why = "" if found.rows else f"{spec.spine.table} has no rows that no version has scored"
    return ScoreReport(
        spec.name, fallback.NAME, found.rows, 0, 0, found.load_id, (), why_no_rows=why
    )


def _raise_if_decider_failed(scorers: Scorers, failed: Mapping[str, str]) -> None:
    for scorer in scorers.deciding:
        if why := failed.get(scorer.name):
            raise _CannotDecide(ShadowReport(scorer.name, scorer.version.state, 0, why))


def _count(stage: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """Rows of `scored` by the place of their scorer."""
    return dict(stage.execute("SELECT place, count(*) FROM scored GROUP BY place").fetchall())


def _reports(scorers: Sequence[Scorer], counts: Mapping[int, int]) -> list[ShadowReport]:
    return [
        ShadowReport(scorer.name, scorer.version.state, counts.get(scorer.place, 0))
        for scorer in scorers
    ]


def _count_landed(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, champion: Scorer) -> int:
    """The number of spine rows of the loads that are being processed."""
    query = (
        f"SELECT count(*) FROM {qualified(spec.spine.table)} WHERE _load_id > ? AND _load_id <= ?"
    )
    loads = [champion.before.load_id, champion.after.load_id]
    return int(fetch_value(cursor, query, loads))


def _count_waiting(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, after: Progress) -> int:
    query = f"SELECT count(*) FROM {qualified(spec.spine.table)} WHERE _load_id > ?"
    return int(fetch_value(cursor, query, [after.load_id]))
