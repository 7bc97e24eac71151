"""A lake with a PostgreSQL catalog gives the same guarantees as an embedded one."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.lake import Author, Lake, LakeError
from lakehouse.lake.connection import SERVER_RETRIES
from lakehouse.lake.lock import LakeBusy, write_lock
from lakehouse.lake.maintenance import maintain
from lakehouse.lake.server_lock import CatalogDown
from lakehouse.lake.verify import verify_lake
from lakehouse.settings import Settings, load_settings
from tests.lake.server import Server, running_server
from tests.sources.conftest import file_name, json_lines, make_spec, payment, seal_of

pytestmark = pytest.mark.slow
AUTHOR = Author("raw/t", "run-1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> Settings:
    return server.settings(tmp_path / "data", lock_timeout=30)


def _process(code: str, settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **settings.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _impatient(settings: Settings) -> Settings:
    return settings.model_copy(update={"lock_timeout": 0.2})


_HOLD = """
import time
from lakehouse.lake.lock import write_lock
from lakehouse.settings import load_settings
with write_lock(load_settings(), "the holder"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_writer_that_times_out_names_the_holder_of_the_lock(settings: Settings) -> None:
    holder = _process(_HOLD, settings)
    try:
        assert _line(holder) == "held"
        with pytest.raises(LakeBusy, match=rf"the holder \(process {holder.pid}\)"):
            with write_lock(_impatient(settings), "me"):
                pass
    finally:
        holder.kill()
        holder.wait()
    with write_lock(settings, "me"):
        pass  # the server has released the lock of a dead process


def test_the_lock_is_reentrant_in_a_thread_and_excludes_other_threads(settings: Settings) -> None:
    seen: list[str] = []

    def other() -> None:
        try:
            with write_lock(_impatient(settings), "another thread"):
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


def test_holding_the_lock_does_not_prevent_vacuum_on_the_server(
    server: Server, settings: Settings
) -> None:
    horizon = "select backend_xmin is null from pg_stat_activity where application_name like 'h (%'"
    with write_lock(settings, "h"):
        assert " t\n" in server.psql(f"{horizon};")


def test_one_catalog_has_one_lock_however_its_address_is_written(
    server: Server, settings: Settings, tmp_path: Path
) -> None:
    spelt = settings.model_copy(update={"catalog": settings.catalog + "&connect_timeout=9"})
    another = server.settings(tmp_path / "another")
    holder = _process(_HOLD, settings)
    try:
        assert _line(holder) == "held"
        with pytest.raises(LakeBusy), write_lock(_impatient(spelt), "me"):
            pass
        with write_lock(_impatient(another), "me"):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_a_lock_whose_session_was_lost_can_be_acquired_again(
    server: Server, settings: Settings
) -> None:
    with write_lock(settings, "cut off"):
        cut = "select pg_terminate_backend(pid) from pg_stat_activity"
        server.psql(f"{cut} where application_name like 'cut off (%';")
    with write_lock(settings, "again"):
        pass


def test_the_error_about_an_unreachable_server_hides_the_password(tmp_path: Path) -> None:
    catalog = "postgres:postgresql://me:geheim@127.0.0.1:1/lake"
    nowhere = load_settings({}, data_dir=tmp_path, catalog=catalog)
    with pytest.raises(CatalogDown, match=r"me:\*\*\*@127.0.0.1:1/lake.*LAKEHOUSE_CATALOG") as seen:
        with Lake(nowhere) as lake:
            lake.snapshot()
    assert "geheim" not in str(seen.value)
    with pytest.raises(LakeError) as unread, Lake(nowhere, read_only=True) as lake:
        lake.snapshot()
    assert "geheim" not in str(unread.value)


def test_a_commit_is_retried_often_enough(settings: Settings) -> None:
    with Lake(settings) as lake, lake.reader() as cursor:
        query = "SELECT current_setting('ducklake_max_retry_count')"
        assert cursor.execute(query).fetchone() == (SERVER_RETRIES,)


def test_readers_do_not_wait_for_a_writer(settings: Settings) -> None:
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
        with Lake(settings, read_only=True) as other, lake.writer(AUTHOR) as cursor:
            cursor.execute("INSERT INTO raw.t VALUES (2)")
            started = time.monotonic()
            assert other.rows("raw.t") == 1
            assert time.monotonic() - started < 5
        assert lake.rows("raw.t") == 2


_WRITE = """
import sys
from lakehouse.lake import Author, Lake
from lakehouse.settings import load_settings
with Lake(load_settings()) as lake:
    for i in range(int(sys.argv[1])):
        with lake.writer(Author("test")) as cursor:
            cursor.execute("INSERT INTO raw.pairs SELECT ?, range FROM range(1000)", [i])
            print(i, flush=True)
            cursor.execute("INSERT INTO raw.pairs SELECT ?, range FROM range(1000)", [i])
"""


def test_concurrent_writer_processes_lose_no_rows(settings: Settings) -> None:
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE TABLE raw.pairs (i BIGINT, j BIGINT)")
        writers = [_process(_WRITE, settings, "8") for _ in range(3)]
        for writer in writers:
            writer.communicate(timeout=60)
        assert [writer.returncode for writer in writers] == [0, 0, 0]
        assert lake.rows("raw.pairs") == 3 * 8 * 2 * 1000


def test_a_killed_writer_leaves_the_last_commit_and_no_lock(settings: Settings) -> None:
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE TABLE raw.pairs (i BIGINT, j BIGINT)")
        for delay in (0.0, 0.01, 0.03):
            writer = _process(_WRITE, settings, "1000")
            _line(writer)
            time.sleep(delay)
            writer.kill()
            writer.wait()
            assert lake.rows("raw.pairs") % 2000 == 0, "half a transaction is visible"
            with lake.writer(AUTHOR) as cursor:
                cursor.execute("INSERT INTO raw.pairs SELECT 0, range FROM range(2000)")


_LOAD = """
import sys
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, load, staging
staging.BATCH_BYTES = 1
spec = SourceSpec.model_validate_json(sys.argv[1])
with Lake(load_settings()) as lake:
    lake.snapshot()
    print("ready", flush=True)
    sys.stdin.readline()
    load(spec, lake, lake.settings)
"""


def test_two_loaders_of_one_landing_folder_load_each_file_once(settings: Settings) -> None:
    spec, files, rows = make_spec(), 25, 20
    folder = Path(settings.landing) / spec.name
    folder.mkdir(parents=True)
    for day in range(files):
        start = seal_of(day - 1)
        content = json_lines(*(payment(day * rows + n, start) for n in range(rows)))
        (folder / file_name(seal_of(day))).write_bytes(content)
    loaders = [_process(_LOAD, settings, spec.model_dump_json(by_alias=True)) for _ in range(2)]
    for loader in loaders:
        assert _line(loader) == "ready"
    for loader in loaders:
        assert loader.stdin is not None
        loader.stdin.write("go\n")
        loader.stdin.flush()
    for loader in loaders:
        loader.communicate(timeout=100)
    assert [loader.returncode for loader in loaders] == [0, 0]
    with Lake(settings) as lake, lake.reader() as cursor:
        loaded = "SELECT count(*), count(DISTINCT id) FROM raw.payments"
        assert cursor.execute(loaded).fetchone() == (files * rows, files * rows)
        manifest = "SELECT count(*), count(DISTINCT file), max(load_id) FROM ops.files"
        assert cursor.execute(manifest).fetchone() == (files, files, files)


def test_maintenance_keeps_the_rows(settings: Settings) -> None:
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE TABLE raw.t AS SELECT range AS i FROM range(10000)")
        for _ in range(3):
            with lake.writer(AUTHOR) as cursor:
                cursor.execute("INSERT INTO raw.t SELECT range FROM range(10000)")
        assert maintain(lake).after.files == 1
        assert lake.rows("raw.t") == 40_000


def test_a_flipped_bit_is_found_and_a_server_without_checksums_is_reported(
    settings: Settings,
) -> None:
    with Lake(settings) as lake:
        with lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE TABLE raw.t AS SELECT range AS i FROM range(10000)")
        sound = verify_lake(lake, full=True)
        assert sound.damage == []
        assert sound.looked_at == {"files by hash": 1}
        checked = "on" in server_setting(lake, "data_checksums")
        assert bool([reason for reason in sound.untold if "checksums" in reason]) is not checked
        file = next(Path(settings.storage).rglob("*.parquet"))
        content = bytearray(file.read_bytes())
        content[100] ^= 1
        file.write_bytes(content)
        assert [d.what for d in verify_lake(lake, full=True).damage] == [f"{file} (raw.t)"]


def server_setting(lake: Lake, name: str) -> str:
    with lake.cursor() as cursor:
        query = "FROM postgres_query('__ducklake_metadata_lake', ?)"
        return str(cursor.execute(query, [f"SELECT current_setting('{name}')"]).fetchall())


def test_two_lakes_on_one_storage_keep_each_others_tables(server: Server, tmp_path: Path) -> None:
    both = [server.settings(tmp_path / n, storage=str(tmp_path / "storage")) for n in ("a", "b")]
    for settings in both:
        with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
            cursor.execute("CREATE TABLE raw.t AS SELECT range AS i FROM range(10000)")
    for settings in both:
        with Lake(settings) as lake:
            done = maintain(lake, now=datetime.now(UTC) + timedelta(days=30))
            assert done.owned
            assert done.unknown == ()
    for settings in both:
        with Lake(settings, read_only=True) as lake:
            assert lake.rows("raw.t") == 10_000
