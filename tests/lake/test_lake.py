import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from lakehouse.lake import Author, Lake, LakeError, NoSuchTable, qualified, quote
from lakehouse.lake.connection import extension_path
from lakehouse.lake.lake import table_exists
from lakehouse.lake.lock import LakeBusy, write_lock
from lakehouse.lake.progress import NO_PROGRESS, Progress, read_progress, write_progress
from lakehouse.settings import Settings, load_settings

AUTHOR = Author("raw/t", "run-1")


def test_a_commit_records_its_author(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    with lake.reader() as cursor:
        author, extra = cursor.execute(
            "SELECT author, commit_extra_info FROM lake.snapshots() "
            "ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchall()[0]
    assert author == "raw/t"
    assert json.loads(extra)["run_id"] == "run-1"
    assert json.loads(extra)["code_version"]


def test_a_transaction_without_changes_creates_no_snapshot(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t (i INTEGER)")
        write_progress(cursor, "raw.t", Progress(3, None))
    before = lake.snapshot()
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.t SELECT 1 WHERE false")
        write_progress(cursor, "raw.t", Progress(3, None))
    assert lake.snapshot() == before


def test_a_failed_write_is_rolled_back(lake: Lake) -> None:
    with pytest.raises(duckdb.ConversionException), lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t (i INTEGER)")
        cursor.execute("INSERT INTO raw.t VALUES ('no number')")
    assert not lake.exists("raw.t")


@pytest.mark.parametrize("left", [(), ("CREATE TABLE core.t (other INTEGER)",)])
def test_a_view_exists_only_while_it_can_be_read(lake: Lake, left: tuple[str, ...]) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE core.t (i INTEGER)")
        cursor.execute("CREATE VIEW core.v AS SELECT i FROM core.t")
        cursor.execute("CREATE VIEW core.w AS SELECT i FROM core.v")
    assert all(map(lake.exists, ("core.t", "core.v", "core.w")))
    with lake.writer(AUTHOR) as cursor:
        for statement in ("DROP TABLE core.t", *left):
            cursor.execute(statement)
        assert not table_exists(cursor, "core.v")
        assert not table_exists(cursor, "core.w")
    assert lake.exists("core.t") is bool(left)
    assert not any(map(lake.exists, ("core.unknown", "unknown.t")))


def test_rows_and_progress_are_committed_together_or_not_at_all(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t (i INTEGER)")
    with pytest.raises(RuntimeError), lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.t VALUES (1)")
        write_progress(cursor, "raw.t", Progress(1, None))
        raise RuntimeError("killed here")
    with lake.reader() as cursor:
        assert read_progress(cursor, "raw.t") == NO_PROGRESS
    assert lake.rows("raw.t") == 0


def test_a_reader_sees_one_state_while_a_writer_writes(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    with Lake(lake.settings, read_only=True) as other, lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.t VALUES (2)")
        assert other.rows("raw.t") == 1
    assert lake.rows("raw.t") == 2


def test_a_reader_stays_on_its_snapshot_and_a_cursor_reads_the_newest(lake: Lake) -> None:
    with lake.writer(AUTHOR) as writer:
        writer.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    count = f"SELECT count(*) FROM {qualified('raw.t')}"
    with lake.reader() as reader, lake.cursor() as cursor:
        before = [one.execute(count).fetchall() for one in (reader, cursor)]
        with lake.writer(AUTHOR) as writer:
            writer.execute("INSERT INTO raw.t VALUES (2)")
        after = [one.execute(count).fetchall() for one in (reader, cursor)]
    assert before == [[(1,)], [(1,)]]
    assert after == [[(1,)], [(2,)]]


def test_a_read_only_lake_cannot_be_written(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    with Lake(lake.settings, read_only=True) as other, other.reader() as cursor:
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            cursor.execute("DELETE FROM raw.t")


def test_the_error_about_a_missing_lake_or_table_names_it_and_the_remedy(
    settings: Settings, lake: Lake
) -> None:
    nowhere = load_settings({}, data_dir=settings.data_dir / "nowhere")
    with pytest.raises(LakeError, match="lakehouse run"), Lake(nowhere, read_only=True) as other:
        other.snapshot()
    with pytest.raises(NoSuchTable, match=r"raw\.t.*lakehouse tables"):
        lake.rows("raw.t")


def test_the_error_about_a_catalog_that_is_not_a_database_names_it(settings: Settings) -> None:
    catalog = Path(settings.catalog.removeprefix("sqlite:"))
    catalog.parent.mkdir(parents=True)
    catalog.write_text("this is no database" * 100)
    with pytest.raises(LakeError, match=str(catalog)), Lake(settings) as lake:
        lake.snapshot()


def test_a_data_folder_can_be_moved(settings: Settings, tmp_path: Path) -> None:
    with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT range AS i FROM range(5000)")
    for place in ("second", "third"):
        settings.data_dir.rename(tmp_path / place)
        settings = load_settings({}, data_dir=tmp_path / place)
        with Lake(settings, read_only=True) as lake:
            before = lake.rows("raw.t")
        with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
            cursor.execute("INSERT INTO raw.t SELECT range FROM range(5000)")
        with Lake(settings) as lake, lake.reader() as cursor:
            counted = cursor.execute("SELECT count(*), sum(i) FROM raw.t").fetchone()
            assert counted == (before + 5000, (before + 5000) // 5000 * 12_497_500)
        assert len(list(Path(settings.storage).rglob("*.parquet"))) * 5000 == before + 5000


def test_another_storage_for_an_existing_lake_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    with Lake(settings) as lake:
        lake.snapshot()
    elsewhere = load_settings({}, data_dir=settings.data_dir, storage=str(tmp_path / "elsewhere"))
    with Lake(elsewhere) as lake, pytest.raises(LakeError, match="does not match existing"):
        lake.snapshot()


def test_a_writer_that_times_out_names_the_holder_of_the_lock(settings: Settings) -> None:
    impatient = settings.model_copy(update={"lock_timeout": 0.2})
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(settings.data_dir)], stdout=-1)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LakeBusy, match=rf"the holder \(process {holder.pid}\)"):
            with write_lock(impatient, "me"):
                pass
    finally:
        holder.kill()
        holder.wait()
    with write_lock(impatient, "me"):
        pass  # the lock of a dead process is free


_HOLD = """
import sys, time
from lakehouse.lake.lock import write_lock
from lakehouse.settings import load_settings
with write_lock(load_settings({}, data_dir=sys.argv[1]), "the holder"):
    print("held", flush=True)
    time.sleep(60)
"""

_WRITE = """
import sys
from lakehouse.lake import Author, Lake
from lakehouse.settings import load_settings
with Lake(load_settings({}, data_dir=sys.argv[1])) as lake:
    for i in range(int(sys.argv[2])):
        with lake.writer(Author("test")) as cursor:
            cursor.execute("INSERT INTO raw.pairs SELECT ?, range FROM range(1000)", [i])
            print(i, flush=True)
            cursor.execute("INSERT INTO raw.pairs SELECT ?, range FROM range(1000)", [i])
"""


def test_the_lock_is_reentrant_in_a_thread_and_excludes_other_threads(settings: Settings) -> None:
    impatient = settings.model_copy(update={"lock_timeout": 0.1})
    seen: list[str] = []

    def other() -> None:
        try:
            with write_lock(impatient, "another thread"):
                seen.append("in")
        except LakeBusy:
            seen.append("out")

    def run_other() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    with write_lock(settings, "outer"):
        with write_lock(settings, "inner"):
            run_other()
        run_other()
    run_other()
    assert seen == ["out", "out", "in"]


@pytest.mark.slow
def test_lakes_that_spill_at_the_same_time_do_not_share_blocks(
    settings: Settings,
) -> None:
    small = settings.model_copy(update={"memory_limit": "60MB", "threads": 2})
    query = (
        "SELECT count(*), sum(hash(i, s)) FROM (SELECT i, s, row_number() OVER (ORDER BY s, i) "
        "FROM (SELECT range AS i, md5((range * {seed})::VARCHAR) AS s FROM range(1_500_000)))"
    )
    plain = "SELECT 1500000, sum(hash(range, md5((range * {seed})::VARCHAR))) FROM range(1_500_000)"

    def spill(seed: int) -> tuple[object, object]:
        with Lake(small) as lake, lake.reader() as cursor:
            both = [cursor.execute(sql.format(seed=seed)).fetchone() for sql in (query, plain)]
        return both[0], both[1]

    with ThreadPoolExecutor(2) as pool:
        for spilled, expected in pool.map(spill, (3, 7)):
            assert spilled == expected
    assert list((small.data_dir / "spill").iterdir()) == []


@pytest.mark.slow
def test_concurrent_writer_processes_lose_no_rows(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.pairs (i BIGINT, j BIGINT)")
    command = [sys.executable, "-c", _WRITE, str(lake.settings.data_dir), "5"]
    writers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert lake.rows("raw.pairs") == 3 * 5 * 2 * 1000


@pytest.mark.slow
def test_a_killed_writer_leaves_the_last_commit(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.pairs (i BIGINT, j BIGINT)")
    for delay in (0.0, 0.005, 0.02):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITE, str(lake.settings.data_dir), "1000"],
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        assert lake.rows("raw.pairs") % 2000 == 0, "half a transaction is visible"
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.pairs VALUES (0, 0)")


@pytest.mark.parametrize("name", ['a"b', "select", "ä ö", "a;b"])
def test_any_name_can_be_a_column(lake: Lake, name: str) -> None:
    with lake.reader() as cursor:
        cursor.execute(f"SELECT 1 AS {quote(name)}")
        assert cursor.description is not None
        assert cursor.description[0][0] == name


def test_a_table_name_without_schema_is_refused() -> None:
    with pytest.raises(ValueError, match=r"schema\.table"):
        qualified("transactions")


def test_an_open_lake_loads_no_unsigned_extension(lake: Lake, tmp_path: Path) -> None:
    """Packaged extensions load unchecked; afterwards unsigned ones are forbidden."""
    theirs = extension_path("postgres_scanner")
    tampered = tmp_path / theirs.name
    tampered.write_bytes(theirs.read_bytes()[:-256] + bytes(256))
    with lake.cursor() as cursor:
        with pytest.raises(duckdb.Error, match="database is running"):
            cursor.execute("SET allow_unsigned_extensions = true")
        with pytest.raises(duckdb.Error, match="signature"):
            cursor.execute(f"LOAD '{tampered}'")
