"""Maintenance deletes nothing that this lake did not write, and two lakes never share a prefix."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from lakehouse.lake import Author, Lake, LakeError
from lakehouse.lake.connection import connect, load_extensions
from lakehouse.lake.maintenance import describe_unknown, maintain
from lakehouse.settings import Settings, load_settings

AUTHOR = Author("raw/t")
LATER = datetime.now(UTC) + timedelta(days=30)


def fill(settings: Settings, rows: int = 1000) -> None:
    with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS raw.t (i BIGINT)")
        cursor.execute("INSERT INTO raw.t SELECT range FROM range(?)", [rows])


def count(settings: Settings) -> int:
    with Lake(settings, read_only=True) as lake:
        return lake.rows("raw.t")


def foreign_files(folder: Path) -> dict[Path, bytes]:
    """Files that people and other programs put under a prefix, including Parquet."""
    named = ("export.parquet", "raw/t/part-0.parquet", "raw/t/ducklake-mine.parquet", "notes.txt")
    files = {folder / name: name.encode() for name in named}
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


def table_folder(settings: Settings) -> Path:
    """The folder of the files of `raw.t`."""
    return next(Path(settings.storage).rglob("ducklake-*.parquet")).parent


def made_by_an_older_release(settings: Settings, rows: int = 1000) -> None:
    """A lake with its files in the storage itself, inlined small inserts and no marker."""
    catalog = Path(settings.catalog.removeprefix("sqlite:"))
    catalog.parent.mkdir(parents=True)
    Path(settings.storage).mkdir(parents=True, exist_ok=True)
    with connect() as connection:
        load_extensions(connection, "ducklake", "sqlite_scanner")
        connection.execute(
            f"ATTACH 'ducklake:{settings.catalog}' AS lake "
            f"(DATA_PATH '{settings.storage}', META_JOURNAL_MODE 'WAL')"
        )
        connection.execute("CREATE SCHEMA lake.raw; CREATE TABLE lake.raw.t (i BIGINT)")
        connection.execute("INSERT INTO lake.raw.t SELECT range FROM range(?)", [rows - 3])
        connection.execute("INSERT INTO lake.raw.t VALUES (1), (2), (3)")


def test_files_that_this_lake_did_not_write_stay(settings: Settings) -> None:
    fill(settings)
    prefix = table_folder(settings).parent.parent
    files = foreign_files(Path(settings.storage)) | foreign_files(prefix)
    with Lake(settings) as lake:
        done = maintain(lake, now=LATER)
    assert {path: path.read_bytes() for path in files if path.exists()} == files
    assert done.files_deleted == 0
    assert {Path(path) for path in done.unknown} == {
        prefix / name
        for name in ("export.parquet", "raw/t/part-0.parquet", "raw/t/ducklake-mine.parquet")
    }


def test_leftovers_of_a_killed_writer_are_deleted_after_the_grace_period(
    settings: Settings,
) -> None:
    fill(settings)
    orphan = table_folder(settings) / "ducklake-01a22815-ff6d-7a4f-ac89-4b78b60d82cf.parquet"
    orphan.write_bytes(b"killed here")
    with Lake(settings) as lake:
        assert maintain(lake).files_deleted == 0
        assert orphan.exists()
        assert maintain(lake, now=LATER).files_deleted == 1
    assert not orphan.exists()
    assert count(settings) == 1000


def test_two_lakes_on_one_storage_have_separate_prefixes(tmp_path: Path) -> None:
    both = [
        load_settings({}, data_dir=tmp_path / name, storage=str(tmp_path / "storage"))
        for name in ("one", "two")
    ]
    for number, settings in enumerate(both):
        fill(settings, 1000 + number)
    for settings in both:
        with Lake(settings) as lake:
            assert maintain(lake, now=LATER).unknown == ()
    assert [count(settings) for settings in both] == [1000, 1001]
    assert len([path for path in (tmp_path / "storage").iterdir() if path.is_dir()]) == 2


def test_a_new_lake_keeps_the_files_of_a_lake_whose_catalog_is_gone(
    settings: Settings,
) -> None:
    fill(settings)
    old = {path: path.read_bytes() for path in Path(settings.storage).rglob("*.parquet")}
    for path in Path(settings.catalog.removeprefix("sqlite:")).parent.glob("catalog.*"):
        path.unlink()
    fill(settings, 5)
    with Lake(settings) as lake:
        maintain(lake, now=LATER)
    assert {path: path.read_bytes() for path in old} == old
    assert count(settings) == 5


def test_a_writer_on_another_lakes_prefix_is_refused_with_the_remedy(
    settings: Settings,
) -> None:
    fill(settings)
    mark = next(Path(settings.storage).rglob("lake.json"))
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "lake": "another"}))
    with pytest.raises(LakeError, match=r"belongs to another lake.*LAKEHOUSE_STORAGE"):
        fill(settings)
    assert count(settings) == 1000, "readers go on"


def test_an_unreadable_marker_is_not_treated_as_ours(settings: Settings) -> None:
    fill(settings)
    mark = next(Path(settings.storage).rglob("lake.json"))
    mark.write_text("{")
    with pytest.raises(LakeError, match=str(mark)):
        fill(settings)


def test_a_lake_killed_before_it_was_marked_is_marked_when_it_is_next_opened(
    settings: Settings,
) -> None:
    fill(settings)
    mark = next(Path(settings.storage).rglob("lake.json"))
    before = mark.read_text()
    mark.unlink()
    fill(settings)
    assert mark.read_text() == before


def test_a_lake_of_an_older_release_keeps_working_and_is_adopted(settings: Settings) -> None:
    made_by_an_older_release(settings)
    fill(settings)
    assert not list(Path(settings.storage).rglob("lake.json")), "adoption is maintenance's"
    with Lake(settings) as lake:
        done = maintain(lake, now=LATER)
    assert done.owned
    assert json.loads((Path(settings.storage) / "lake.json").read_text())["lake"]
    assert count(settings) == 2000
    assert not list(Path(settings.storage).glob("lake-*"))


def test_a_prefix_with_unknown_files_is_adopted_only_on_request(settings: Settings) -> None:
    made_by_an_older_release(settings)
    orphan = table_folder(settings) / "ducklake-01a22815-ff6d-7a4f-ac89-4b78b60d82cf.parquet"
    orphan.write_bytes(b"whose?")
    with Lake(settings) as lake:
        done = maintain(lake, now=LATER)
        assert not done.owned
        assert done.unknown == (str(orphan),)
        assert "--adopt" in describe_unknown(done)
        assert orphan.exists()
        adopted = maintain(lake, now=LATER, adopt=True)
    assert adopted.owned
    assert adopted.files_deleted == 1
    assert not orphan.exists()


def test_two_lakes_of_an_older_release_on_one_storage_delete_nothing_of_each_other(
    tmp_path: Path,
) -> None:
    both = [
        load_settings({}, data_dir=tmp_path / name, storage=str(tmp_path / "storage"))
        for name in ("one", "two")
    ]
    for number, settings in enumerate(both):
        made_by_an_older_release(settings, 1000 + number)
    for settings in both:
        with Lake(settings) as lake:
            assert not maintain(lake, now=LATER).owned
    assert [count(settings) for settings in both] == [1000, 1001]


def test_a_registered_file_from_elsewhere_is_not_deleted_with_its_table(
    settings: Settings, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.parquet"
    fill(settings)
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute(f"COPY (SELECT 7::BIGINT AS i) TO '{theirs}'")
            cursor.execute("CREATE TABLE raw.other (i BIGINT)")
            cursor.execute(
                "CALL ducklake_add_data_files('lake', 'other', ?, schema => 'raw')", [str(theirs)]
            )
        assert lake.rows("raw.other") == 1
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("DROP TABLE raw.other")
        maintain(lake, now=LATER)
        maintain(lake, now=LATER + timedelta(days=30))
    assert theirs.exists()


def test_a_copied_data_folder_is_the_same_lake_and_does_not_affect_the_original(
    settings: Settings, tmp_path: Path
) -> None:
    fill(settings)
    copied = load_settings({}, data_dir=tmp_path / "copied")
    shutil.copytree(settings.data_dir, copied.data_dir)
    fill(copied, 10)
    with Lake(copied) as lake:
        assert maintain(lake, now=LATER).owned
    assert count(copied) == 1010
    assert count(settings) == 1000


def test_small_inserts_are_stored_in_files_and_not_in_the_catalog(lake: Lake) -> None:
    """Open readers lose rows that are inlined in the catalog when these are flushed."""
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
        cursor.execute("INSERT INTO raw.t VALUES (2)")
    with lake.cursor() as cursor:
        (tables,) = cursor.execute(
            "SELECT count(*) FROM __ducklake_metadata_lake.ducklake_inlined_data_tables"
        ).fetchall()[0]
    assert tables == 0


def test_rows_that_an_older_release_inlined_stay_visible_to_an_open_reader(
    settings: Settings,
) -> None:
    made_by_an_older_release(settings)
    with Lake(settings, read_only=True) as other, other.cursor() as reader:
        query = "SELECT count(*), sum(i) FROM lake.raw.t"
        before = reader.execute(query).fetchall()
        with Lake(settings) as lake:
            maintain(lake)
        assert reader.execute(query).fetchall() == before


def _age(lake: Lake, table: str, column: str, time: str) -> None:
    with lake.cursor() as cursor:
        cursor.execute(f"UPDATE __ducklake_metadata_lake.{table} SET {column} = '{time}+00'")


@pytest.mark.parametrize(
    ("hours", "deleted"), [(5, False), (8, False), (31, True), (60, True)], ids=str
)
def test_the_grace_period_of_files_compares_times_and_not_texts(
    lake: Lake, hours: int, deleted: bool
) -> None:
    """On SQLite a file may stay up to a day longer than its grace, never shorter."""
    fill(lake.settings)
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("DROP TABLE raw.t")
    file = next(Path(lake.settings.storage).rglob("ducklake-*.parquet"))
    maintain(lake, now=LATER, keep_files=timedelta(days=60))
    scheduled = datetime(2026, 3, 10, 15, 7, tzinfo=UTC)
    _age(lake, "ducklake_files_scheduled_for_deletion", "schedule_start", "2026-03-10 15:07:00")
    maintain(lake, now=scheduled + timedelta(hours=hours))
    assert file.exists() is not deleted


def test_the_grace_period_of_snapshots_compares_times_and_not_texts(lake: Lake) -> None:
    for _ in range(3):
        fill(lake.settings)
    _age(lake, "ducklake_snapshot", "snapshot_time", "2026-03-10 15:07:00.5")
    made = datetime(2026, 3, 10, 15, 7, 0, 500_000, tzinfo=UTC)
    keep = timedelta(days=7)
    instant = timedelta(microseconds=1)
    before = lake.snapshot()
    assert maintain(lake, now=made + keep).before.snapshots > 3
    kept = maintain(lake, now=made + keep).after.snapshots
    assert kept > 3, "exactly as old as is kept"
    with lake.cursor() as cursor:
        query = f"SELECT count(*) FROM lake.raw.t AT (VERSION => {before - 1})"
        assert cursor.execute(query).fetchall() == [(2000,)]
    after = maintain(lake, now=made + keep + instant).after.snapshots
    assert after < kept
    with pytest.raises(duckdb.Error), lake.cursor() as cursor:
        cursor.execute(query)
