"""Who scores: the champion, and beside it shadows and the champion's predecessor, each loaded.

Whatever is wrong with a version beside the champion leaves it out and is told; only what is wrong
with the champion is an error. Which rows they score is `wanted.py`'s.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from lakehouse.lake import Lake, NoSuchTable, qualified
from lakehouse.lake.lake import fetch_value, table_exists
from lakehouse.lake.progress import Progress, read_progress
from lakehouse.registry import Version, scoring_versions
from lakehouse.scoring.log import shadow_table
from lakehouse.training import Model, ModelSpec, SchemaMismatch, Split, load_model
from lakehouse.training.inputs import FeatureTable, pinned_tables, stale_sets


@dataclass(frozen=True)
class Scorer:
    """A version that scores rows with times from `start` on, in loads after `before` to `after`."""

    version: Version
    model: Model
    start: datetime
    progress_name: str
    before: Progress
    after: Progress

    @property
    def name(self) -> str:
        """The version's name."""
        return self.version.version


@dataclass(frozen=True)
class ShadowReport:
    """What a version beside the champion did: `rows`, or why it was left out this time."""

    version: str
    state: str
    rows: int
    skipped: str = ""


def find_scorers(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, lake: Lake
) -> tuple[list[Scorer], list[ShadowReport]]:
    """The champion, then the versions beside it; and those that are left out.

    Raises:
        NoChampion, BadArtefact, SchemaMismatch: when there is no champion, or it cannot be used.
    """
    decides, *others = scoring_versions(cursor, spec.name)
    split = Split.from_json(decides.split)
    champion = _scorer(cursor, spec, lake, decides, spec.predictions_table, split.test_from)
    scorers, skipped = [champion], []
    for version in others:
        try:
            scorers.append(_beside(cursor, spec, lake, version, champion))
        except Exception as error:  # a broken version never stops the champion; the report says it
            skipped.append(ShadowReport(version.version, version.state, 0, str(error)))
    return scorers, skipped


def _beside(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    champion: Scorer,
) -> Scorer:
    """A version that follows the champion, as far as its own features are final.

    It says nothing of rows before the end of its test period: it was fitted to, stopped, tuned or
    chosen on those. All later ones are new to it, whenever it was trained.
    """
    name = f"{shadow_table(spec)}@{version.version}"
    start = Split.from_json(version.split).test_until
    scorer = _scorer(cursor, spec, lake, version, name, start)
    stale = stale_sets(cursor, scorer.model.card.features)
    if stale:
        causes = "; ".join(f"{name}: {cause}" for name, cause in stale.items())
        raise SchemaMismatch(f"it was trained on feature versions that grow no more ({causes})")
    load_id = max(scorer.before.load_id, min(scorer.after.load_id, champion.after.load_id))
    return replace(scorer, after=Progress(load_id, champion.after.seal))


def _scorer(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    progress_name: str,
    start: datetime,
) -> Scorer:
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    tables = pinned_tables(cursor, model.card.features)
    before = read_progress(cursor, progress_name)
    after = _target(cursor, spec, tables, before)
    return Scorer(version, model, start, progress_name, before, after)


def _target(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    tables: list[FeatureTable],
    before: Progress,
) -> Progress:
    """Up to which load, and to which time, rows can be scored now.

    A spine row that became known after the seal of a feature set still waits for its features, and
    the whole load with it.
    """
    table = spec.spine.table
    if not table_exists(cursor, table):
        raise NoSuchTable(
            f"{spec.name} scores {table}, which is not in the lake; materialize it first"
        )
    spine = read_progress(cursor, table)
    load_id = int(fetch_value(cursor, f"SELECT coalesce(max(_load_id), 0) FROM {qualified(table)}"))
    seals = [read_progress(cursor, feature_table.table).seal for feature_table in tables]
    known = [seal for seal in (spine.seal, *seals) if seal is not None]
    if known:
        waiting = fetch_value(
            cursor,
            f"SELECT min(_load_id) FROM {qualified(table)} WHERE _load_id > ? AND known_at > ?",
            [before.load_id, min(known)],
        )
        load_id = load_id if waiting is None else waiting - 1
    return Progress(max(load_id, before.load_id), min(known, default=None))
