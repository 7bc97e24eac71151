"""The versions that score: those that decide, and in parallel shadows and the predecessor, loaded.

The champion at the time when a row landed decides about it (`deciders.py`). Any problem with
another version excludes it and is reported; only a problem with the champion is an error.
`pending.py` selects the rows that they score.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from lakehouse.lake import (
    ALWAYS,
    Lake,
    NoSuchTable,
    Progress,
    all_progress,
    fetch_value,
    is_retryable,
    qualified,
    table_exists,
)
from lakehouse.lake.layout import shadow_progress
from lakehouse.models import Model, ModelSpec, SchemaMismatch, Split, load_model
from lakehouse.models.expiry import require_valid
from lakehouse.models.inputs import FeatureTable, pinned_tables, stale_sets
from lakehouse.registry import Version, scoring_versions
from lakehouse.scoring.deciders import ALL_LOADS, Assignment, find_assignments, trained_until


@dataclass(frozen=True)
class Scorer:
    """A version that scores rows of loads after `before` up to `after`.

    Rows of loads up to `trained_until` may be in its training set: it scores only those with times
    from `start` on. A version that `decides` does so in the loads of its `assignment`; a champion
    without one decides about rows that are predicted again. `place` numbers the scorers of one run:
    a former champion has two.
    """

    version: Version
    model: Model
    start: datetime
    trained_until: int
    progress_name: str
    before: Progress
    after: Progress
    decides: bool
    assignment: Assignment | None = None
    place: int = 0

    @property
    def name(self) -> str:
        """The version's name."""
        return self.version.version


@dataclass(frozen=True)
class ShadowReport:
    """The outcome of a version other than the champion: `rows` scored, or why it was skipped."""

    version: str
    state: str
    rows: int
    skipped: str = ""


@dataclass(frozen=True)
class Scorers:
    """The champion for rows predicted again, a scorer for each assignment, and the shadow versions.

    `skipped` are shadow versions that were excluded; `replaced` are versions that should have
    decided and cannot, so the champion decides instead.
    """

    champion: Scorer
    deciding: tuple[Scorer, ...]
    shadows: tuple[Scorer, ...]
    skipped: tuple[ShadowReport, ...]
    replaced: tuple[ShadowReport, ...]

    @property
    def all(self) -> tuple[Scorer, ...]:
        """Every scorer, by place."""
        return (self.champion, *self.deciding, *self.shadows)

    def without(self, failed: Mapping[str, str]) -> "Scorers":
        """The scorers without the shadow versions in `failed`, which gives the reason by name."""
        reports = (
            ShadowReport(one.name, one.version.state, 0, failed[one.name])
            for one in self.shadows
            if one.name in failed
        )
        remaining = tuple(one for one in self.shadows if one.name not in failed)
        return replace(self, shadows=remaining, skipped=(*self.skipped, *reports))


def find_scorers(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    at: datetime,
    failed: Collection[ShadowReport] = (),
) -> Scorers:
    """The scorers of new rows at the time `at` (naive UTC). `failed` could not decide.

    Raises:
        NoChampion, BadArtefact, SchemaMismatch: when there is no champion, or it cannot be used.
        Expired: when the champion may no longer decide.
    """
    current, *others = scoring_versions(cursor, spec.name)
    champion = _scorer(cursor, spec, lake, current, spec.predictions_table)
    require_valid(spec, champion.version, at)
    champion, deciding, replaced = _deciding(cursor, spec, lake, champion, at, failed)
    shadows: list[Scorer] = []
    skipped: list[ShadowReport] = []
    for version in others:
        try:
            shadows.append(_shadow_scorer(cursor, spec, lake, version, champion))
        except Exception as error:  # a broken version never stops the champion; it is reported
            skipped.append(ShadowReport(version.version, version.state, 0, str(error)))
    placed = [replace(one, place=i + 1) for i, one in enumerate([*deciding, *shadows])]
    return Scorers(
        champion,
        tuple(placed[: len(deciding)]),
        tuple(placed[len(deciding) :]),
        tuple(skipped),
        tuple(replaced),
    )


def find_readers(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> list[Version]:
    """The versions whose features must be kept up to date: those that score or have rows left
    to decide about.

    Raises:
        NoChampion: when no version may decide.
    """
    scoring = scoring_versions(cursor, spec.name)
    done = all_progress(cursor)[spec.predictions_table].load_id
    assigned = [
        assignment.version
        for assignment in find_assignments(cursor, scoring[0])
        if assignment.clip(done, ALL_LOADS)
    ]
    return [*{version.version: version for version in (*scoring, *assigned)}.values()]


def _deciding(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    champion: Scorer,
    at: datetime,
    failed: Collection[ShadowReport],
) -> tuple[Scorer, list[Scorer], list[ShadowReport]]:
    """The champion, and a scorer for each assignment over the loads that can be scored now.

    Scoring waits for an earlier champion whose features are not final yet, as it does for the
    champion. An earlier champion that can never score again, or may no longer decide, is replaced.
    """
    after = champion.before.load_id
    assignments = [
        part
        for assignment in find_assignments(cursor, champion.version)
        if (part := assignment.clip(after, champion.after.load_id))
    ]
    found: list[Scorer] = []
    replaced = list(failed)
    until = champion.after.load_id
    for assignment in assignments:
        scorer = champion
        if assignment.version.version not in {champion.name, *(one.version for one in replaced)}:
            try:
                require_valid(spec, assignment.version, at)
                scorer = _former_scorer(cursor, spec, lake, assignment)
            except Exception as error:  # another version has to decide about its rows
                if is_retryable(error):
                    raise
                state = assignment.version.state
                replaced.append(ShadowReport(assignment.version.version, state, 0, str(error)))
        if scorer is not champion and scorer.after.load_id < assignment.until:
            until = min(until, scorer.after.load_id)
        found.append(replace(scorer, assignment=assignment))
    reached = Progress(until, champion.after.seal)
    deciding = [
        replace(scorer, assignment=part, after=reached)
        for scorer in found
        if scorer.assignment and (part := scorer.assignment.clip(after, until))
    ]
    return replace(champion, after=reached), deciding, replaced


def _former_scorer(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, lake: Lake, assignment: Assignment
) -> Scorer:
    scorer = _scorer(cursor, spec, lake, assignment.version, spec.predictions_table)
    if scorer.after.load_id < assignment.until:
        _require_current(cursor, scorer)
    return scorer


def _shadow_scorer(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    champion: Scorer,
) -> Scorer:
    """A version that scores behind the champion, as far as its own features are final.

    It does not score rows before the end of its test period: they were used for its fitting, early
    stopping, tuning or selection. All later rows are new to it, whenever it was trained.
    """
    name = shadow_progress(spec.name, version.version)
    scorer = _scorer(cursor, spec, lake, version, name)
    _require_current(cursor, scorer)
    load_id = max(scorer.before.load_id, min(scorer.after.load_id, champion.after.load_id))
    return replace(
        scorer,
        start=Split.from_json(version.split).test_until,
        after=Progress(load_id, champion.after.seal),
        decides=False,
    )


def _require_current(cursor: duckdb.DuckDBPyConnection, scorer: Scorer) -> None:
    stale = stale_sets(cursor, scorer.model.card.features)
    if stale:
        causes = "; ".join(f"{name}: {cause}" for name, cause in stale.items())
        raise SchemaMismatch(
            f"it was trained on feature versions that are no longer updated ({causes})"
        )


def _scorer(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    progress_name: str,
) -> Scorer:
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    tables = pinned_tables(cursor, model.card.features)
    progress = all_progress(cursor)
    before = progress[progress_name]
    return Scorer(
        version=version,
        model=model,
        start=Split.from_json(version.split).test_from,
        trained_until=trained_until(cursor, version),
        progress_name=progress_name,
        before=before,
        after=_target(cursor, spec, tables, before, progress),
        decides=True,
    )


def _target(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    tables: Sequence[FeatureTable],
    before: Progress,
    progress: Mapping[str, Progress],
) -> Progress:
    """The load and the time up to which rows can be scored now.

    A spine row that became known after the seal of a feature set still waits for its features, and
    the whole load waits with it.
    """
    table = spec.spine.table
    if not table_exists(cursor, table):
        raise NoSuchTable(
            f"{spec.name} scores {table}, which is not in the lake; materialize it first"
        )
    spine = progress[table]
    load_id = int(fetch_value(cursor, f"SELECT coalesce(max(_load_id), 0) FROM {qualified(table)}"))
    seals = [progress[feature_table.table].seal for feature_table in tables]
    known = [seal for seal in (spine.seal, *seals) if seal is not None and seal < ALWAYS]
    if known:
        waiting = fetch_value(
            cursor,
            f"SELECT min(_load_id) FROM {qualified(table)} WHERE _load_id > ? AND known_at > ?",
            [before.load_id, min(known)],
        )
        load_id = load_id if waiting is None else waiting - 1
    return Progress(max(load_id, before.load_id), min(known, default=None))
