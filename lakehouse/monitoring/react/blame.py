"""Whether the version or the data is at fault: a fault of two versions in a row is the data's.

Without this check, one bad day of a source would roll back through all earlier champions.
"""

from collections.abc import Sequence

import duckdb

from lakehouse.lake import fetch_value, layout, qualified, table_exists
from lakehouse.monitoring.findings import Finding
from lakehouse.registry.versions import find_transitions


def find_blamed_successor(
    cursor: duckdb.DuckDBPyConnection, model: str, champion: str, findings: Sequence[Finding]
) -> str | None:
    """The successor that was rolled back to `champion` for one of its own failed `findings`.

    Covers only findings that need no labels. None if there is none, or if `champion` has passed
    since.
    """
    moves = find_transitions(cursor, model)
    promotions = [i for i, move in enumerate(moves) if move.to_state == "champion"]
    if not promotions or moves[promotions[0]].version != champion:
        return None
    departure = moves[promotions[0] + 1] if promotions[0] + 1 < len(moves) else None
    if departure is None or departure.to_state != "rolled_back":
        return None
    blamed = {one["name"]: one["day"] for one in departure.evidence.get("findings", ())}
    same = [one.name for one in findings if one.failed and one.rollback and one.name in blamed]
    if any(not _passed_since(cursor, model, champion, name, blamed[name]) for name in same):
        return departure.version
    return None


def _passed_since(
    cursor: duckdb.DuckDBPyConnection, model: str, version: str, name: str, day: str
) -> bool:
    if not table_exists(cursor, layout.FINDINGS):
        return False
    query = (
        f"SELECT count(*) FROM {qualified(layout.FINDINGS)} "
        "WHERE model = ? AND version = ? AND name = ? AND day > CAST(? AS DATE) AND passed"
    )
    return bool(fetch_value(cursor, query, [model, version, name, day]))
