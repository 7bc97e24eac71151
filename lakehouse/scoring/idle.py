"""Why a scoring step decided about no row: the input that holds rows back, and until when."""

from datetime import datetime

import duckdb

from lakehouse.lake import fetch_value, qualified, read_progress
from lakehouse.models import ModelSpec
from lakehouse.models.inputs import pinned_tables
from lakehouse.scoring.scorers import Scorer


def why_no_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Scorer,
    *,
    due: int,
    passed_over: int,
    waiting: int,
) -> str:
    """The reasons in one sentence, for `due` rows that have no features, `passed_over` rows that
    are older than the champion's test period, and `waiting` rows."""
    table = spec.spine.table
    reasons = []
    if waiting:
        reasons.append(f"{waiting:,} rows of {table} wait: {_holding_back(cursor, spec, champion)}")
    if due:
        names = ", ".join(spec.feature_sets)
        reasons.append(f"{due:,} rows of {table} have no features in {names}, and never will")
    if passed_over > 0:
        reasons.append(
            f"{passed_over:,} new rows of {table} are older than {champion.start:%Y-%m-%d}, the "
            f"start of the test period of {champion.name}, so they may be its training rows"
        )
    if not reasons:
        seal = read_progress(cursor, table).seal
        complete = f"; it is complete up to {_text(seal)}" if seal else ""
        reasons.append(
            f"{table} has no rows after load {champion.before.load_id}, the last one that was "
            f"scored{complete}"
        )
    return "; ".join(reasons)


def _holding_back(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, champion: Scorer) -> str:
    """The inputs that are not complete up to the oldest waiting row."""
    spine = qualified(spec.spine.table)
    needed: datetime | None = fetch_value(
        cursor,
        f"SELECT min(known_at) FROM {spine} WHERE _load_id > ? AND known_at > ?",
        [champion.after.load_id, champion.after.seal],
    )
    inputs = [
        spec.spine.table,
        *(t.table for t in pinned_tables(cursor, champion.model.card.features)),
    ]
    seals = {table: read_progress(cursor, table).seal for table in inputs}
    behind = [
        f"{table} is complete up to {_text(seal)}"
        for table, seal in seals.items()
        if seal is not None and needed is not None and seal < needed
    ]
    if not behind or needed is None:
        return "an earlier champion that has to decide about rows of their load is not done yet"
    return f"{' and '.join(behind)}, and a row that became known at {_text(needed)} needs more"


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
