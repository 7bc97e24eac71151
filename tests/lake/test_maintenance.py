from datetime import UTC, datetime, timedelta
from pathlib import Path

from lakehouse.lake import Author, Lake
from lakehouse.lake.maintenance import maintain

AUTHOR = Author("raw/t")
LATER = datetime.now(UTC) + timedelta(days=30)


def _fragmented_table(lake: Lake) -> list[tuple[int]]:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT range AS i FROM range(10000)")
    for _ in range(4):
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("INSERT INTO raw.t SELECT range FROM range(10000)")
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("DELETE FROM raw.t WHERE i % 3 = 0")
    return _content(lake)


def _content(lake: Lake) -> list[tuple[int]]:
    with lake.reader() as cursor:
        return cursor.execute("SELECT i FROM raw.t ORDER BY i").fetchall()


def test_small_files_are_merged_and_no_row_changes(lake: Lake) -> None:
    rows = _fragmented_table(lake)
    done = maintain(lake)
    assert done.after.files < done.before.files
    assert done.after.files == 1
    assert _content(lake) == rows


def test_old_snapshots_and_their_files_are_removed_except_the_newest(lake: Lake) -> None:
    rows = _fragmented_table(lake)
    maintain(lake)
    done = maintain(lake, now=LATER)
    assert done.after.snapshots == 1
    assert len(list(Path(lake.settings.storage).rglob("*.parquet"))) == done.after.files
    assert _content(lake) == rows


def test_recent_snapshots_can_still_be_read(lake: Lake) -> None:
    _fragmented_table(lake)
    before = lake.snapshot()
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("DELETE FROM raw.t")
    maintain(lake)
    with lake.reader() as cursor:
        query = f"SELECT count(*) FROM raw.t AT (VERSION => {before})"
        assert cursor.execute(query).fetchone() == (33_330,)


def test_maintenance_is_idempotent(lake: Lake) -> None:
    _fragmented_table(lake)
    maintain(lake, now=LATER)
    before = lake.snapshot()
    done = maintain(lake, now=LATER)
    assert lake.snapshot() == before
    assert done.before == done.after
