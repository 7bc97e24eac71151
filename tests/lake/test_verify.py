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


def test_every_file_is_hashed_right_after_its_commit_and_a_sound_lake_is_sound(
    settings: Settings,
) -> None:
    fill(settings)
    for full in (False, True):
        done = verify(settings, full=full)
        assert done.damage == []
        assert sum(done.looked_at.values()) == len(files(settings)) == 4
        assert not [told for told in done.untold if "no hash" in told]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings({}, data_dir=tmp_path_factory.mktemp("sound"))
    fill(settings)
    return settings


@given(st.integers(0, 3), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@examples(max_examples=25)
def test_every_flipped_bit_of_a_file_is_found(
    sound: Settings, number: int, place: float, bit: int
) -> None:
    path = files(sound)[number]
    position = int(place * path.stat().st_size)
    flip(path, position, bit)
    try:
        found = verify(sound).damage
        assert [str(path) in damage.what for damage in found] == [True]
        assert "SHA-256 differs" in found[0].problem
        assert "backup" in found[0].problem
    finally:
        flip(path, position, bit)


def test_a_fast_look_finds_what_is_missing_cut_or_flipped_at_the_end(settings: Settings) -> None:
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


def test_a_file_that_was_put_in_the_place_of_another_is_found(settings: Settings) -> None:
    fill(settings)
    first, second, *_ = files(settings)
    first.write_bytes(second.read_bytes())
    assert [damage.what.split(" ")[0] for damage in verify(settings).damage] == [str(first)]


def test_files_without_a_hash_are_told_and_hashed_and_not_called_verified(
    settings: Settings,
) -> None:
    """A process that is killed between its commit and the ledger entry leaves such a file."""
    fill(settings)
    lines = ledger(settings).read_text().splitlines(keepends=True)
    ledger(settings).write_text("".join(lines[:1] + lines[2:]))
    fast = verify(settings, full=False)
    assert fast.looked_at["files by size and footer"] == 3
    assert [told for told in fast.untold if told.startswith("1 files had no hash")]
    full = verify(settings)
    assert full.looked_at["files by hash"] == 3
    assert [told for told in full.untold if told.startswith("1 files had no hash")]
    assert verify(settings).looked_at["files by hash"] == 4
    assert len(ledger(settings).read_text().splitlines()) == 4


def test_a_cut_file_is_never_given_a_hash_that_fits(settings: Settings) -> None:
    fill(settings)
    ledger(settings).unlink()
    cut = files(settings)[0]
    cut.write_bytes(cut.read_bytes()[:-5])
    for _ in range(2):
        assert [damage.what.split(" ")[0] for damage in verify(settings).damage] == [str(cut)]


@pytest.mark.parametrize("torn", ["", '{"id": 17, "na'])
def test_a_writer_goes_on_behind_a_line_that_was_not_finished(
    settings: Settings, torn: str
) -> None:
    fill(settings)
    with ledger(settings).open("a") as stream:
        stream.write(torn)
    with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.t VALUES (1, 'x')")
    assert verify(settings).looked_at["files by hash"] == 5
    assert verify(settings).damage == []


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flip_in_the_hashes_accuses_no_file(settings: Settings, bit: int) -> None:
    fill(settings)
    flip(ledger(settings), 100, bit)
    for done in (verify(settings), verify(settings)):
        (damage,) = done.damage
        assert damage.what == f"line 1 of {ledger(settings)}"
    with Lake(settings) as lake:
        maintain(lake)
    assert verify(settings).damage, "maintenance swept the evidence away"


def test_a_merge_does_not_give_damaged_rows_a_hash_that_fits(settings: Settings) -> None:
    fill(settings)
    before = files(settings)
    flip(before[0], 40)
    with Lake(settings) as lake, pytest.raises(LakeError, match=r"nothing was merged.*ducklake-"):
        maintain(lake, now=LATER)
    assert files(settings) == before
    assert len(verify(settings).damage) == 1


def test_once_a_damaged_table_is_built_again_maintenance_goes_on(settings: Settings) -> None:
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


def test_tables_that_change_their_columns_and_layout_are_no_damage(settings: Settings) -> None:
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
            assert not [told for told in verify(settings).untold if "no hash" in told]
        left = set(Path(settings.storage).rglob("*.parquet"))
        assert len(left) == maintain(lake).after.files, "a file was not known as the lake's own"
        assert lake.rows("raw.u") == 2990 + 5 - 2


def test_after_maintenance_every_file_has_its_hash_and_no_others(settings: Settings) -> None:
    fill(settings)
    for now in (None, LATER, LATER.replace(year=LATER.year + 1)):
        with Lake(settings) as lake:
            maintain(lake, now=now)
        done = verify(settings)
        assert done.damage == []
        assert not [told for told in done.untold if "no hash" in told]
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
def test_a_catalog_that_tells_something_else_of_a_file_is_found(
    settings: Settings, statement: str
) -> None:
    fill(settings)
    with Lake(settings) as lake, lake.cursor() as cursor:
        cursor.execute(statement.replace("m.", "__ducklake_metadata_lake."))
    assert verify(settings).damage


def test_a_catalog_with_pages_that_do_not_fit_is_found(settings: Settings) -> None:
    fill(settings)
    catalog = sqlite3.connect(settings.catalog.removeprefix("sqlite:"))
    with closing(catalog), catalog:
        catalog.execute("CREATE INDEX lost ON ducklake_column (column_name)")
        catalog.execute("PRAGMA writable_schema = ON")
        catalog.execute("DELETE FROM sqlite_master WHERE name = 'lost'")
    (damage,) = verify(settings, full=False).damage
    assert damage.what == "the catalog"
    assert "never used" in damage.problem


def test_a_lake_of_an_older_release_tells_what_it_cannot(settings: Settings) -> None:
    made_by_an_older_release(settings)
    done = verify(settings)
    assert done.damage == []
    assert done.looked_at["files by hash"] == 0
    assert [told for told in done.untold if "no hash" in told]
    assert [reason for reason in done.untold if "kept in the catalog" in reason]
    assert verify(settings).looked_at["files by hash"] == 1


def test_encrypted_files_find_every_flip_when_they_are_read(tmp_path: Path) -> None:
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


def test_encryption_of_a_lake_made_without_is_refused_with_the_remedy(settings: Settings) -> None:
    fill(settings)
    wanted = load_settings({}, data_dir=settings.data_dir, encrypted=True)
    with pytest.raises(LakeError, match=r"LAKEHOUSE_ENCRYPTED.*LAKEHOUSE_DATA_DIR"):
        with Lake(wanted) as lake:
            lake.snapshot()
    assert verify(wanted).damage == [], "readers go on"
