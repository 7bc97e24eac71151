"""How far the rows of each version have been monitored, as progress stored under its name."""

from collections.abc import Callable

import duckdb

from lakehouse.lake import all_progress, qualified, table_exists
from lakehouse.lake.layout import decisions_table
from lakehouse.models import ModelSpec
from lakehouse.registry import Version
from lakehouse.registry.versions import find_versions

ProgressName = Callable[[str, str], str]
"""The name under which progress is stored, given a model and a version."""


def former_champions(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    champion: Version,
    progress_name: ProgressName,
) -> list[tuple[Version, int]]:
    """Earlier champions that decided in loads not yet monitored, by number, with the last such
    load.

    How far a version has been monitored is stored under `progress_name`.
    """
    if not table_exists(cursor, decisions_table(spec.name)):
        return []
    decided = dict(
        cursor.execute(
            f"SELECT version, max(until_load) FROM {qualified(decisions_table(spec.name))} "
            "WHERE decides AND rows > 0 AND until_load IS NOT NULL AND version <> ? GROUP BY 1",
            [champion.version],
        ).fetchall()
    )
    if not decided:
        return []
    progress = all_progress(cursor)
    return [
        (version, decided[version.version])
        for version in reversed(find_versions(cursor, spec.name))
        if version.version in decided
        and progress[progress_name(spec.name, version.version)].load_id < decided[version.version]
    ]
