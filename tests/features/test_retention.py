"""Old versions of feature sets are dropped once nothing reads them; all else stays."""

from datetime import UTC, datetime, timedelta

from lakehouse.features import FeatureSetSpec, refresh
from lakehouse.features.retention import KEEP_UNUSED, drop_old_versions
from lakehouse.lake import NO_PROGRESS, Author, Lake, read_progress
from tests.features.test_increments import days, deliver, spec, table

LATER = datetime.now(UTC) + KEEP_UNUSED + timedelta(hours=1)


def versions(lake: Lake, count: int) -> list[tuple[FeatureSetSpec, str]]:
    """`count` versions of one set, the newest last, each with its table."""
    deliver(lake, days(1), 1)
    specs = [spec(features={"n": "n", "more": f"n_1d + {number}"}) for number in range(count)]
    return [(changed, refresh(changed, lake).table) for changed in specs]


def test_only_versions_that_no_model_or_view_reads_are_dropped(lake: Lake) -> None:
    (_, oldest), (_, pinned), (_, middle), (_, current) = versions(lake, 4)
    rows = table(lake)
    assert drop_old_versions(lake, pinned={pinned}, now=LATER) == sorted([oldest, middle])
    assert not lake.exists(oldest)
    assert lake.rows(pinned) == lake.rows(current) == len(rows)
    assert table(lake) == rows
    with lake.reader() as cursor:
        assert read_progress(cursor, oldest) == NO_PROGRESS
        assert read_progress(cursor, current) != NO_PROGRESS


def test_a_version_that_grew_recently_is_kept(lake: Lake) -> None:
    (_, old), _ = versions(lake, 2)
    almost = datetime.now(UTC) + KEEP_UNUSED - timedelta(minutes=5)
    assert drop_old_versions(lake, pinned=(), now=almost) == []
    assert lake.exists(old)


def test_dropping_is_one_commit_and_repeating_it_makes_no_snapshot(lake: Lake) -> None:
    versions(lake, 4)
    before = lake.snapshot()
    assert len(drop_old_versions(lake, pinned=(), now=LATER)) == 3
    assert lake.snapshot() == before + 1
    assert drop_old_versions(lake, pinned=(), now=LATER) == []
    assert lake.snapshot() == before + 1


def test_a_dropped_version_can_come_back_with_the_same_rows(lake: Lake) -> None:
    (old, name), _ = versions(lake, 2)
    rows = table(lake, name)
    drop_old_versions(lake, pinned=(), now=LATER)
    assert refresh(old, lake).table == name
    assert table(lake) == rows


def test_tables_that_another_view_shows_or_no_refresh_made_are_kept(lake: Lake) -> None:
    (_, shown), _ = versions(lake, 2)
    with lake.writer(Author("a person")) as writer:
        writer.execute(f"CREATE VIEW lake.reporting.mine AS FROM lake.{shown}")
        writer.execute("CREATE TABLE lake.features.notes__0a1b2c3d AS SELECT 1 AS note")
        writer.execute("CREATE TABLE lake.features.notes AS SELECT 1 AS note")
    assert drop_old_versions(lake, pinned=(), now=LATER) == []


def test_an_empty_lake_has_nothing_to_drop(lake: Lake) -> None:
    before = lake.snapshot()
    assert drop_old_versions(lake, pinned=(), now=LATER) == []
    assert lake.snapshot() == before
