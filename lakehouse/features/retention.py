"""Tables of old feature-set versions, dropped when nobody reads them any more.

What models still read is told by the caller: features know no models.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import duckdb

from lakehouse.features import declared
from lakehouse.lake import CATALOG, Author, Lake, qualified, table_exists
from lakehouse.lake.layout import PROGRESS

KEEP_UNUSED = timedelta(days=7)
"""How long a version stays after it last grew: it may be in the making, or come back."""
_VERSION = re.compile(r"\b\w+__[0-9a-f]{8}\b")


def drop_old_versions(
    lake: Lake, *, pinned: Collection[str], now: datetime | None = None, run_id: str = ""
) -> list[str]:
    """Drop, in one commit, each `features.<set>__<version>` that is not needed; their names.

    Needed are tables that a view shows, those in `pinned` (`schema.table`), and those that grew
    within the last week. A table that no refresh made is left alone. Nothing to drop makes no
    snapshot; so does doing it again.
    """
    before = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None) - KEEP_UNUSED
    author = Author("features", run_id, "drop feature versions that nobody reads")
    with lake.writer(author) as writer:
        unused = sorted(_unused(writer, before) - set(pinned))
        for table in unused:
            writer.execute(f"DROP TABLE {qualified(table)}")
            writer.execute(f"DELETE FROM {qualified(PROGRESS)} WHERE name = ?", [table])
            declared.forget(writer, table)
    return unused


def _unused(cursor: duckdb.DuckDBPyConnection, before: datetime) -> set[str]:
    """Versions without a view over them that have not grown since `before`."""
    if not table_exists(cursor, PROGRESS):
        return set()
    rows = cursor.execute(
        f"SELECT name FROM {qualified(PROGRESS)} WHERE updated_at < ? "
        "AND name IN (SELECT schema_name || '.' || table_name FROM duckdb_tables() "
        "WHERE database_name = ? AND schema_name = 'features')",
        [before, CATALOG],
    ).fetchall()
    views = cursor.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = ?", [CATALOG]
    ).fetchall()
    shown = {name for (sql,) in views for name in _VERSION.findall(sql)}
    tables = {name for (name,) in rows if _VERSION.fullmatch(name.partition(".")[2])}
    return {name for name in tables if name.partition(".")[2] not in shown}
