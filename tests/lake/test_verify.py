"""Verification finds changes in the lake's files, and does not count what it cannot check."""

import json
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lakehouse.lake import Author, Lake, LakeError
from lakehouse.lake.maintenance import maintain
from lakehouse.lake.verify import Verification, verify_lake
from lakehouse.settings import Settings, load_settings
from tests.lake.test_ownership import LATER, made_by_an_older_release

AUTHOR = Author("raw/t")


def fill(settings: Settings, commits: int = 3) -> None:
    with Lake(settings) as lake:
        for start in range(0, commits * 1000, 1000):
            with lake.writer(AUTHOR) as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS raw.t (i BIGINT, s VARCHAR)")
                cursor.execute(
                    "INSERT INTO raw.t SELECT range, md5(range::VARCHAR) FROM range(?, ?)",
                    [start, start + 1000],
                )
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("DELETE FROM raw.t WHERE i < 1000 AND i % 100 = 7")


def verify(settings: Settings, *, full: bool = True) -> Verification:
    with Lake(settings, read_only=True) as lake:
        return verify_lake(lake, full=full)


def files(settings: Settings) -> list[Path]:
    return sorted(Path(settings.storage).rglob("ducklake-*.parquet"))


def ledger(settings: Settings) -> Path:
    return next(Path(settings.storage).rglob("hashes-*.jsonl"))


def flip(path: Path, position: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def test_every_file_is_hashed_right_after_its_commit_and_an_intact_lake_has_no_damage(
    settings: Settings,
) -> None:
    fill(settings)
    for full in (False, True):
        done = verify(settings, full=full)
        assert done.damage == []
        assert sum(done.looked_at.values()) == len(files(settings)) == 4
        assert not [reason for reason in done.untold if "no hash" in reason]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings({}, data_dir=tmp_path_factory.mktemp("intact"))
    fill(settings)
    return settings


@pytest.mark.slow
@given(st.integers(0, 3), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@examples(max_examples=25)
def test_every_flipped_bit_of_a_file_is_found(
    intact: Settings, number: int, place: float, bit: int
) -> None:
    path = files(intact)[number]
    position = int(place * path.stat().st_size)
    flip(path, position, bit)
    try:
        found = verify(intact).damage
        assert [str(path) in damage.what for damage in found] == [True]
        assert "SHA-256 differs" in found[0].problem
        assert "backup" in found[0].problem
    finally:
        flip(path, position, bit)


def test_a_fast_verification_finds_missing_and_truncated_files_and_flips_at_the_end(
    settings: Settings,
) -> None:
    fill(settings)
    missing, cut, flipped, inside = files(settings)
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-5])
    flip(flipped, flipped.stat().st_size - 40)
    flip(inside, 40)
    found = {
        damage.what.split(" ")[0]: damage.problem for damage in verify(settings, full=False).damage
    }
    assert found.keys() == {str(missing), str(cut), str(flipped)}
    assert "is missing" in found[str(missing)]
    assert "bytes instead of" in found[str(cut)]
    done = verify(settings)
    assert len(done.damage) == 4
    assert done.looked_at["files by hash"] == 0


def test_a_file_that_was_replaced_by_another_is_found(settings: Settings) -> None:
    fill(settings)
    first, second, *_ = files(settings)
    first.write_bytes(second.read_bytes())
    assert [damage.what.split(" ")[0] for damage in verify(settings).damage] == [str(first)]


def test_files_without_a_hash_are_reported_and_hashed_but_not_counted_as_verified(
    settings: Settings,
) -> None:
    """A process that is killed between its commit and the ledger entry leaves such a file."""
    fill(settings)
    lines = ledger(settings).read_text().splitlines(keepends=True)
    ledger(settings).write_text("".join(lines[:1] + lines[2:]))
    fast = verify(settings, full=False)
    assert fast.looked_at["files by size and footer"] == 3
    assert [reason for reason in fast.untold if reason.startswith("1 files had no hash")]
    full = verify(settings)
    assert full.looked_at["files by hash"] == 3
    assert [reason for reason in full.untold if reason.startswith("1 files had no hash")]
    assert verify(settings).looked_at["files by hash"] == 4
    assert len(ledger(settings).read_text().splitlines()) == 4


def test_a_truncated_file_never_gets_a_matching_hash(settings: Settings) -> None:
    fill(settings)
    ledger(settings).unlink()
    cut = files(settings)[0]
    cut.write_bytes(cut.read_bytes()[:-5])
    for _ in range(2):
        assert [damage.what.split(" ")[0] for damage in verify(settings).damage] == [str(cut)]


@pytest.mark.parametrize("unfinished", ["", '{"id": 17, "na'])
def test_a_writer_continues_after_an_unfinished_line(settings: Settings, unfinished: str) -> None:
    fill(settings)
    with ledger(settings).open("a") as stream:
        stream.write(unfinished)
    with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.t VALUES (1, 'x')")
    assert verify(settings).looked_at["files by hash"] == 5
    assert verify(settings).damage == []


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flip_in_the_hashes_marks_no_file_as_damaged(settings: Settings, bit: int) -> None:
    fill(settings)
    flip(ledger(settings), 100, bit)
    for done in (verify(settings), verify(settings)):
        (damage,) = done.damage
        assert damage.what == f"line 1 of {ledger(settings)}"
    with Lake(settings) as lake:
        maintain(lake)
    assert verify(settings).damage, "maintenance swept the evidence away"


def test_a_merge_does_not_give_damaged_rows_a_matching_hash(settings: Settings) -> None:
    fill(settings)
    before = files(settings)
    flip(before[0], 40)
    with Lake(settings) as lake, pytest.raises(LakeError, match=r"nothing was merged.*ducklake-"):
        maintain(lake, now=LATER)
    assert files(settings) == before
    assert len(verify(settings).damage) == 1


def test_maintenance_works_again_after_a_damaged_table_is_rebuilt(settings: Settings) -> None:
    """Older snapshots still need the damaged file; it is removed with them."""
    fill(settings)
    damaged = files(settings)[0]
    flip(damaged, 40)
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE OR REPLACE TABLE raw.t AS SELECT range AS i FROM range(10)")
        assert len(verify(settings).damage) == 1
        maintain(lake, now=LATER)
    assert not damaged.exists()
    assert verify(settings).damage == []


@pytest.mark.slow
def test_changes_of_columns_and_layout_are_not_damage(settings: Settings) -> None:
    fill(settings)
    changes = (
        "ALTER TABLE raw.t ADD COLUMN n INTEGER DEFAULT 7",
        "ALTER TABLE raw.t ALTER n SET TYPE BIGINT",
        "ALTER TABLE raw.t RENAME s TO text",
        "ALTER TABLE raw.t SET PARTITIONED BY (i)",
        "INSERT INTO raw.t SELECT range, 'x', 1 FROM range(5)",
        "ALTER TABLE raw.t DROP n",
        "ALTER TABLE raw.t RENAME TO u",
        "UPDATE raw.u SET text = 'y' WHERE i = 3",
        "DELETE FROM raw.u WHERE i = 4",
    )
    with Lake(settings) as lake:
        for statement in changes:
            with lake.writer(AUTHOR) as cursor:
                cursor.execute(statement)
            assert verify(settings).damage == [], statement
        for now in (None, LATER, LATER + timedelta(days=30)):
            maintain(lake, now=now)
            assert verify(settings).damage == []
            assert not [reason for reason in verify(settings).untold if "no hash" in reason]
        left = set(Path(settings.storage).rglob("*.parquet"))
        assert len(left) == maintain(lake).after.files, "a file was not known as the lake's own"
        assert lake.rows("raw.u") == 2990 + 5 - 2


def test_after_maintenance_exactly_the_existing_files_have_hashes(settings: Settings) -> None:
    fill(settings)
    for now in (None, LATER, LATER.replace(year=LATER.year + 1)):
        with Lake(settings) as lake:
            maintain(lake, now=now)
        done = verify(settings)
        assert done.damage == []
        assert not [reason for reason in done.untold if "no hash" in reason]
    names = {json.loads(line)["name"] for line in ledger(settings).read_text().splitlines()}
    assert {Path(name).name for name in names} == {path.name for path in files(settings)}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE m.ducklake_data_file SET record_count = 999 WHERE data_file_id = 0",
        "UPDATE m.ducklake_file_column_stats SET max_value = '1' WHERE data_file_id = 0",
        "UPDATE m.ducklake_data_file SET path = 'ducklake-x.parquet' WHERE data_file_id = 0",
        "DELETE FROM m.ducklake_data_file WHERE data_file_id = 0",
        "DELETE FROM m.ducklake_delete_file",
        "DELETE FROM m.ducklake_table",
    ],
)
def test_a_catalog_with_other_metadata_of_a_file_is_found(
    settings: Settings, statement: str
) -> None:
    fill(settings)
    with Lake(settings) as lake, lake.cursor() as cursor:
        cursor.execute(statement.replace("m.", "__ducklake_metadata_lake."))
    assert verify(settings).damage


def test_a_catalog_with_inconsistent_pages_is_found(settings: Settings) -> None:
    fill(settings)
    catalog = sqlite3.connect(settings.catalog.removeprefix("sqlite:"))
    with closing(catalog), catalog:
        catalog.execute("CREATE INDEX lost ON ducklake_column (column_name)")
        catalog.execute("PRAGMA writable_schema = ON")
        catalog.execute("DELETE FROM sqlite_master WHERE name = 'lost'")
    (damage,) = verify(settings, full=False).damage
    assert damage.what == "the catalog"
    assert "never used" in damage.problem


def test_a_lake_of_an_older_release_reports_what_cannot_be_verified(settings: Settings) -> None:
    made_by_an_older_release(settings)
    done = verify(settings)
    assert done.damage == []
    assert done.looked_at["files by hash"] == 0
    assert [reason for reason in done.untold if "no hash" in reason]
    assert [reason for reason in done.untold if "kept in the catalog" in reason]
    assert verify(settings).looked_at["files by hash"] == 1


@pytest.mark.slow
def test_every_flip_in_an_encrypted_file_is_an_error_on_reading(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path / "data", encrypted=True)
    fill(settings)
    plain = load_settings({}, data_dir=tmp_path / "data")
    with Lake(plain) as lake:
        assert lake.rows("raw.t") == 2990
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("INSERT INTO raw.t VALUES (1, 'x')")
    assert verify(plain).damage == []
    path, dice = files(settings)[0], random.Random(7)
    assert b"PAR1" not in path.read_bytes()
    for _ in range(8):
        position, bit = dice.randrange(path.stat().st_size), dice.randrange(8)
        flip(path, position, bit)
        with Lake(settings, read_only=True) as lake, lake.reader() as cursor:
            with pytest.raises(duckdb.Error):
                cursor.execute("SELECT count(i), sum(i), max(s) FROM raw.t").fetchall()
        flip(path, position, bit)


def test_encryption_of_an_unencrypted_lake_is_refused_with_the_remedy(settings: Settings) -> None:
    fill(settings)
    encrypted = load_settings({}, data_dir=settings.data_dir, encrypted=True)
    with pytest.raises(LakeError, match=r"LAKEHOUSE_ENCRYPTED.*LAKEHOUSE_DATA_DIR"):
        with Lake(encrypted) as lake:
            lake.snapshot()
    assert verify(encrypted).damage == [], "readers go on"
