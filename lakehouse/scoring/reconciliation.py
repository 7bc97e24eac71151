"""Whether the prediction log is sound, and whether it contains every row that landed.

Both check the keys of the whole log and the whole spine: the newest load may be sound where others
are not.
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import duckdb

from lakehouse.lake import (
    Lake,
    NoSuchTable,
    fetch_value,
    qualified,
    quote,
    read_progress,
    table_exists,
)
from lakehouse.lake.layout import decisions_table, log_table
from lakehouse.models import ModelSpec, load_model
from lakehouse.models.inputs import feature_tables, join_features, schema_of
from lakehouse.registry.promotion import find_champion
from lakehouse.scoring import fallback


def find_log_problems(spec: ModelSpec, lake: Lake) -> str:
    """A description of what is wrong with the log; empty if nothing is.

    The log must have rows, each key once, no prediction may be NULL, and it must have as many rows
    as were ever decided: rows are neither removed nor added any other way.
    """
    table, key = qualified(spec.predictions_table), quote(spec.spine.key)
    output = spec.task.logged_number
    with lake.reader() as cursor:
        if not table_exists(cursor, spec.predictions_table):
            return f"{spec.predictions_table} is not in the lake"
        ((rows, keys, empty),) = cursor.execute(
            f"SELECT count(*), count(DISTINCT {key}), "
            f"count(*) FILTER ({output} IS NULL OR isnan({output})) FROM {table}"
        ).fetchall()
        logged = decided = 0
        if table_exists(cursor, decisions_table(spec.name)):
            ((logged, decided),) = cursor.execute(
                f"SELECT (SELECT count(*) FROM {qualified(log_table(spec.predictions_table))}), "
                f"(SELECT sum(rows) FROM {qualified(decisions_table(spec.name))} WHERE decides)"
            ).fetchall()
    if not rows:
        return f"{spec.predictions_table} has no rows, so nothing was checked"
    changed = f"its log has {logged:,} rows, but {decided or 0:,} were decided"
    problems = {
        f"{rows - keys} rows repeat a {spec.spine.key}": rows - keys,
        f"{empty} rows have no {output}": empty,
        changed: logged != decided,
    }
    return "; ".join(text for text, count in problems.items() if count)


@dataclass(frozen=True)
class Reconciliation:
    """Every row of the spine, by outcome; all counts but `landed` add up to it.

    `passed_over` rows landed before the deciding version was trained and are older than its test
    period, so they may be training rows. No version scored the `lost` rows, although nothing
    prevented it.
    """

    landed: int
    scored: int
    waiting: int
    without_features: int
    passed_over: int
    lost: int

    @property
    def summary(self) -> str:
        """The counts as a sentence."""
        parts = {
            "scored": self.scored,
            "waiting for features": self.waiting,
            "without features": self.without_features,
            "older than the test period of the first champion that could have scored them": (
                self.passed_over
            ),
            "not scored, without a reason": self.lost,
        }
        counts = ", ".join(f"{count:,} {text}" for text, count in parts.items() if count)
        return f"{self.landed:,} rows landed: {counts or 'none'}"


def reconcile(spec: ModelSpec, lake: Lake) -> Reconciliation:
    """Count the outcome of each row of the spine. The cost is that of joining the keys of both.

    Raises:
        NoSuchTable: when the spine is not in the lake.
        BadArtefact: when the champion cannot be loaded.
    """
    key, time = quote(spec.spine.key), quote(spec.spine.time)
    log, decisions = spec.predictions_table, decisions_table(spec.name)
    with lake.reader() as cursor:
        if not table_exists(cursor, spec.spine.table):
            raise NoSuchTable(f"{spec.spine.table} is not in the lake; materialize it first")
        done = read_progress(cursor, log).load_id
        scored = f"ANTI JOIN {qualified(log)} USING ({key})" if table_exists(cursor, log) else ""
        passed, bounds = _passed_over(cursor, decisions)
        unscored = (
            f"SELECT {key} AS key, load_id, load_id > ? AS waits, "
            f"NOT waits AND ({passed}) IS NOT TRUE AS unexplained "
            f"FROM (SELECT {key}, _load_id AS load_id, {time} AS event_time "
            f"FROM {qualified(spec.spine.table)}) {scored}"
        )
        ((landed, missing, waiting, rest),) = cursor.execute(
            f"SELECT (SELECT count(*) FROM {qualified(spec.spine.table)}), count(*), "
            f"count(*) FILTER (waits), count(*) FILTER (unexplained) FROM ({unscored})",
            [done, *bounds],
        ).fetchall()
        lost = 0
        if rest:
            cursor.execute(
                "CREATE OR REPLACE TEMP TABLE unexplained AS SELECT key, load_id "
                f"FROM ({unscored}) WHERE unexplained",
                [done, *bounds],
            )
            lost = _lost(cursor, spec, lake)
    return Reconciliation(
        landed=landed,
        scored=landed - missing,
        waiting=waiting,
        without_features=rest - lost,
        passed_over=missing - waiting - rest,
        lost=lost,
    )


def _passed_over(cursor: duckdb.DuckDBPyConnection, decisions: str) -> tuple[str, list[Any]]:
    """SQL condition that a decision passed a row over, with its parameters.

    A few ranges, one for each version that began to decide about loads from before its training.
    As a join with the decisions, the condition took most of the time of a run without new rows.
    """
    if not table_exists(cursor, decisions):
        return "false", []
    ranges = cursor.execute(
        "SELECT DISTINCT after_load, until_load, trained_until_load, starts_at "
        f"FROM {qualified(decisions)} WHERE decides AND after_load < trained_until_load"
    ).fetchall()
    inside = "(load_id > ? AND load_id <= ? AND load_id <= ? AND event_time < ?)"
    return " OR ".join(["false", *[inside] * len(ranges)]), [*chain.from_iterable(ranges)]


def _lost(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, lake: Lake) -> int:
    """The number of rows of `unexplained` that could have been scored, by features or the fallback.

    Rows without features are missing in one of the champion's feature tables; without a champion,
    in one of the declared ones.
    """
    version = find_champion(cursor, spec.name)
    if version is None:
        schema = schema_of(spec, feature_tables(cursor, spec))
    else:
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
        schema = model.card.features
    _, joins = join_features(schema, spec.spine.key, "u.key")
    scorable = f"u.key IN (SELECT u.key FROM unexplained u {joins})"
    values = []
    if table_exists(cursor, decisions_table(spec.name)):
        scorable += (
            f" OR EXISTS (FROM {qualified(decisions_table(spec.name))} d WHERE d.version = ? "
            "AND u.load_id > d.after_load AND u.load_id <= d.until_load)"
        )
        values = [fallback.NAME]
    return int(fetch_value(cursor, f"SELECT count(*) FROM unexplained u WHERE {scorable}", values))
