"""Drops tables of old feature-set versions that no model or view reads.

The caller passes the tables that models read, because features do not depend on models.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import duckdb

from lakehouse.features import declared
from lakehouse.lake import CATALOG, Author, Lake, Table, qualified, table_exists
from lakehouse.lake.layout import FEATURES, PROGRESS, VERSIONED

KEEP_UNUSED = timedelta(days=7)
"""How long a version is kept after it last grew: it may be under construction, or return."""


def drop_old_versions(
    lake: Lake, *, pinned: Collection[str], now: datetime | None = None, run_id: str = ""
) -> list[str]:
    """Drop, in one commit, each unneeded `features.<set>__<version>`; returns their names.

    Needed are tables that a view shows, those in `pinned` (`schema.table`), and those that grew
    within the last week. Tables that no refresh made are left alone. If there is nothing to drop,
    as on a repeated call, there is no snapshot.
    """
    before = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None) - KEEP_UNUSED
    author = Author(FEATURES, run_id, "drop feature versions that no model or view reads")
    with lake.writer(author) as writer:
        unused = sorted(_unused(writer, before) - set(pinned))
        for table in unused:
            writer.execute(f"DROP TABLE {qualified(table)}")
            writer.execute(f"DELETE FROM {qualified(PROGRESS)} WHERE name = ?", [table])
            declared.remove_declaration(writer, table)
    return unused


def _unused(cursor: duckdb.DuckDBPyConnection, before: datetime) -> set[str]:
    """Versions that no view shows and that have not grown since `before`."""
    if not table_exists(cursor, PROGRESS):
        return set()
    rows = cursor.execute(
        f"SELECT name FROM {qualified(PROGRESS)} WHERE updated_at < ? "
        "AND name IN (SELECT schema_name || '.' || table_name FROM duckdb_tables() "
        "WHERE database_name = ? AND schema_name = ?)",
        [before, CATALOG, FEATURES],
    ).fetchall()
    views = cursor.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = ?", [CATALOG]
    ).fetchall()
    shown = {found[0] for (sql,) in views for found in VERSIONED.finditer(sql)}
    tables = [Table(name) for (name,) in rows]
    return {t for t in tables if VERSIONED.fullmatch(t.name) and t.name not in shown}
