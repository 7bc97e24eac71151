"""A server that goes away during a query is an error; a commit happens once, whatever is lost."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from lakehouse.lake import Author, Lake
from lakehouse.lake import lake as lake_module
from lakehouse.lake.lake import CommitInDoubt
from lakehouse.lake.transient import is_retryable
from lakehouse.settings import Settings, load_settings
from tests.lake.proxy import Cut, Wire, wire
from tests.lake.server import Server, running_server

pytestmark = pytest.mark.slow
AUTHOR = Author("raw/t", "run-1")
_USE = """
import sys
from lakehouse.lake import Author, Lake, lake as module
from lakehouse.lake.transient import is_retryable
from lakehouse.settings import load_settings

def wait():
    print("ready", flush=True)
    sys.stdin.readline()

def read(lake):
    with lake.reader() as cursor:
        cursor.execute("SELECT count(*) FROM raw.t").fetchall()
        wait()
        cursor.execute("SELECT count(*) FROM raw.t").fetchall()

def leave(lake):
    with lake.reader() as cursor:
        cursor.execute("SELECT count(*) FROM raw.t").fetchall()
        wait()

def write(lake):
    with lake.writer(Author("t")) as cursor:
        cursor.execute("INSERT INTO raw.t SELECT range FROM range(100000)")
        wait()
        cursor.execute("INSERT INTO raw.t SELECT range FROM range(100000)")

def commit(lake):
    with lake.writer(Author("t")) as cursor:
        cursor.execute("INSERT INTO raw.t SELECT range FROM range(100000)")
        wait()

def begin(lake):
    wait()
    read(lake)

def extract(lake):
    from pathlib import Path
    from lakehouse.sources.connectors.database.opening import open_database
    url = lake.settings.catalog.removeprefix("postgres:")
    with open_database(url, "t", lake.settings) as database:
        database.ask("select 1")
        wait()
        database.ask("select 1")

lake = Lake(load_settings())
module.LOOK_UP_SECONDS = 1
try:
    globals()[sys.argv[1]](lake)
    print("done")
except Exception as error:
    print("transient" if is_retryable(error) else "permanent", type(error).__name__, error)
lake.close()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


def make_table(settings: Settings) -> None:
    with Lake(settings) as lake, lake.writer(AUTHOR) as cursor:
        cursor.execute("CREATE TABLE raw.t (i BIGINT)")


def start(settings: Settings, action: str) -> subprocess.Popen[str]:
    """Start a process that has begun `action` and waits for a signal to continue."""
    process = subprocess.Popen(
        [sys.executable, "-c", _USE, action],
        env={**os.environ, **settings.environment()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0, errors
    return output


@pytest.mark.parametrize(("action", "how"), [("read", signal.SIGQUIT), ("commit", signal.SIGKILL)])
def test_a_dead_server_raises_an_error_and_does_not_abort_the_process(
    tmp_path: Path, action: str, how: signal.Signals
) -> None:
    with running_server(tmp_path / "pg") as server:
        settings = server.settings(tmp_path / "data", lock_timeout=5)
        make_table(settings)
        process = start(settings, action)
        server.kill(how)
        output = finish(process)
    assert output.startswith("transient" if action == "read" else "permanent CommitInDoubt"), output


@pytest.mark.parametrize("action", ["read", "leave", "write", "begin", "extract"])
def test_a_lost_connection_raises_an_error_and_does_not_abort_the_process(
    wired: tuple[Wire, Settings], action: str
) -> None:
    line, settings = wired
    process = start(settings, action)
    line.down = True
    line.lose_all()
    output = finish(process)
    # the rows are sent in the commit: only the server can report how much of it has arrived
    expected = {"leave": "done", "write": "permanent CommitInDoubt"}.get(action, "transient")
    assert output.startswith(expected), output


@pytest.fixture
def wired(server: Server, tmp_path: Path) -> Iterator[tuple[Wire, Settings]]:
    """A lake with a table, which reaches its server through a proxy."""
    direct = server.settings(tmp_path / "data")
    make_table(direct)
    address, _, folder = direct.catalog.partition("?host=")
    with wire(Path(folder)) as line:
        yield (
            line,
            load_settings(
                {},
                data_dir=tmp_path / "data",
                catalog=address.replace("@/", f"@127.0.0.1:{line.port}/") + "?sslmode=disable",
            ),
        )


def write_once(lake: Lake) -> None:
    with lake.writer(AUTHOR) as cursor:
        cursor.execute("INSERT INTO raw.t SELECT range FROM range(10)")


def test_a_commit_whose_acknowledgement_was_lost_is_found(wired: tuple[Wire, Settings]) -> None:
    line, settings = wired
    with Lake(settings) as lake:
        write_once(lake)
        line.cut = "after"
        write_once(lake)  # no error: the commit succeeded
        assert not line.cut, "nothing was cut"
        assert lake.rows("raw.t") == 20
        write_once(lake)
        assert lake.rows("raw.t") == 30


def test_a_commit_that_never_arrived_raises_a_retryable_error(
    wired: tuple[Wire, Settings],
) -> None:
    line, settings = wired
    with Lake(settings) as lake:
        write_once(lake)
        line.cut = "before"
        with pytest.raises(duckdb.Error) as raised:
            write_once(lake)
        assert not line.cut, "nothing was cut"
        assert is_retryable(raised.value), str(raised.value)
        assert lake.rows("raw.t") == 10
        write_once(lake)
        assert lake.rows("raw.t") == 20


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_in_doubt_is_not_retried(
    wired: tuple[Wire, Settings], monkeypatch: pytest.MonkeyPatch, cut: Cut
) -> None:
    line, settings = wired
    monkeypatch.setattr(lake_module, "LOOK_UP_SECONDS", 0.5)
    monkeypatch.setattr(lake_module, "LOOK_UP_PAUSE", 0.1)
    with Lake(settings) as lake:
        write_once(lake)
        line.cut, line.then_down = cut, True
        with pytest.raises(CommitInDoubt, match="run this again") as raised:
            write_once(lake)
        assert not is_retryable(raised.value)
        line.down = False
        assert lake.rows("raw.t") == (20 if cut == "after" else 10)


def test_every_commit_has_a_unique_id(wired: tuple[Wire, Settings]) -> None:
    _, settings = wired
    with Lake(settings) as lake:
        write_once(lake)
        write_once(lake)
        with lake.reader() as cursor:
            extra = cursor.execute(
                "SELECT commit_extra_info FROM lake.snapshots() WHERE author = 'raw/t'"
            ).fetchall()
    ids = [json.loads(text)["commit_id"] for (text,) in extra]
    assert len(ids) == len({*ids}) >= 3
