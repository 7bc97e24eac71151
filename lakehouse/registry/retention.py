"""Which versions stay reproducible, and which training sets are no longer needed.

A version that is no longer kept stays in the registry, with its figures, its history and its
artefact. Its pinned training rows are deleted, and `reproduce` no longer works for it;
`features/retention.py` deletes the feature tables that it reads.
"""

from datetime import datetime, timedelta

import duckdb

from lakehouse.lake import Author, Lake, layout, qualified, table_exists
from lakehouse.registry.promotion import predecessor_in
from lakehouse.registry.versions import Version, find_transitions, find_versions, lake_time

KEEP_VERSIONS = 5
"""This many of a model's newest versions are kept, whatever their state."""
KEEP_FORMER_CHAMPIONS = timedelta(days=90)
"""How long a version is kept after it last decided."""
KEEP_UNUSED = timedelta(days=7)
"""How long a training set stays without a version that refers to it: training may be under way."""


def kept_versions(
    lake: Lake, *, now: datetime | None = None, keep_versions: int = KEEP_VERSIONS
) -> list[Version]:
    """The versions of all models that must stay usable and reproducible, by model and number.

    Those are the champion, the rollback target, shadows, the newest candidate, the newest
    `keep_versions`, and every version that decided within the last 90 days.
    """
    with lake.reader() as cursor:
        return _kept(cursor, lake_time(now), keep_versions)


def drop_training_sets(
    lake: Lake,
    *,
    now: datetime | None = None,
    keep_versions: int = KEEP_VERSIONS,
    run_id: str = "",
) -> list[str]:
    """Delete, in one commit, the pinned rows that no kept version was trained on.

    Returns `model/training_set_id` of each deleted set. If there is nothing to delete, no snapshot
    is made.
    """
    at = lake_time(now)
    author = Author(layout.TRAINING, run_id, "drop training sets that no kept version needs")
    with lake.writer(author) as writer:
        unused = _unused_sets(writer, at, keep_versions)
        for model, set_id in unused:
            where = "WHERE training_set_id = ?"
            writer.execute(f"DELETE FROM {layout.training_table(model).sql} {where}", [set_id])
            writer.execute(
                f"DELETE FROM {qualified(layout.TRAINING_SETS)} {where} AND model = ?",
                [set_id, model],
            )
    return [f"{model}/{set_id}" for model, set_id in unused]


def _kept(cursor: duckdb.DuckDBPyConnection, at: datetime, keep_versions: int) -> list[Version]:
    if not table_exists(cursor, layout.VERSIONS):
        return []
    models = cursor.execute(
        f"SELECT DISTINCT model FROM {qualified(layout.VERSIONS)} ORDER BY model"
    ).fetchall()
    return [
        version for (model,) in models for version in _kept_of(cursor, model, at, keep_versions)
    ]


def _kept_of(
    cursor: duckdb.DuckDBPyConnection, model: str, at: datetime, keep_versions: int
) -> list[Version]:
    versions = find_versions(cursor, model)
    candidates = [v.version for v in versions if v.state == "candidate"]
    predecessor = predecessor_in(cursor, model)
    decided = {
        transition.version
        for transition in find_transitions(cursor, model)
        if "champion" in (transition.from_state, transition.to_state)
        and transition.decided_at >= at - KEEP_FORMER_CHAMPIONS
    }
    names = {version.version for version in versions[:keep_versions]}
    names |= decided | set(candidates[:1]) | ({predecessor.version} if predecessor else set())
    return [v for v in versions if v.version in names or v.state in ("champion", "shadow")]


def _unused_sets(
    cursor: duckdb.DuckDBPyConnection, at: datetime, keep_versions: int
) -> list[tuple[str, str]]:
    if not table_exists(cursor, layout.TRAINING_SETS):
        return []
    needed = {(v.model, v.training_set_id) for v in _kept(cursor, at, keep_versions)}
    pinned = cursor.execute(
        f"SELECT model, training_set_id FROM {qualified(layout.TRAINING_SETS)} "
        "WHERE created_at < ? ORDER BY ALL",
        [at - KEEP_UNUSED],
    ).fetchall()
    return [(model, set_id) for model, set_id in pinned if (model, set_id) not in needed]
