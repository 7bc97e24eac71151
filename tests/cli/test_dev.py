"""`lakehouse dev` as a process: it checks before it starts anything, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

TIMEOUT = 300.0
START = "from lakehouse.cli import start; start()"


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start it on a data folder; kill what remains of it afterwards."""
    started: list[subprocess.Popen[str]] = []

    def begin(port: int, folder: str = "data") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", START, "dev", "--port", str(port)],
            env={**os.environ, "LAKEHOUSE_DATA_DIR": str(tmp_path / folder)},
            stdout=(tmp_path / f"{folder}.log").open("a"),
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
    wait_for(lambda: not processes_of(tmp_path))


def processes_of(folder: Path) -> list[int]:
    """Every process with this folder in its environment, where there is a /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def is_up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/server_info", timeout=5).ok
    except requests.RequestException:
        return False


def test_a_port_in_use_is_one_sentence_and_nothing_is_started(
    dev: Callable[..., subprocess.Popen[str]], port: int, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = dev(port)
        assert process.wait(TIMEOUT) == 1
    output = (tmp_path / "data.log").read_text()
    assert output.startswith(
        f"error: port {port} of 127.0.0.1 cannot be used (Address already in use)"
    )
    assert output.count("\n") == 1
    assert processes_of(tmp_path) == []


@pytest.mark.slow  # starts all of Dagster
def test_dev_starts_without_warnings_refuses_a_second_one_and_stops_all_its_processes(
    dev: Callable[..., subprocess.Popen[str]], port: int, tmp_path: Path
) -> None:
    environment = {**os.environ, "LAKEHOUSE_DATA_DIR": str(tmp_path / "data")}
    world = ["simulate", "--days", "2", "--customers", "20", "--terminals", "20"]
    subprocess.run([sys.executable, "-c", START, *world], env=environment, check=True)
    first = dev(port)
    wait_for(lambda: is_up(port))
    wait_for(lambda: (tmp_path / "data.log").read_text().count("source_changes") > 2)
    second = dev(port + 1)
    assert second.wait(TIMEOUT) == 1
    log = (tmp_path / "data.log").read_text()
    assert f"on http://127.0.0.1:{port} (process {first.pid}); open that address, or stop" in log
    warnings = [
        line
        for line in log.splitlines()
        if any(word in line for word in ("WARNING", "ERROR", "Warning", "Traceback"))
    ]
    assert warnings == []
    assert len(processes_of(tmp_path)) > 3
    first.send_signal(signal.SIGINT)  # to the process alone, as `kill` does
    assert first.wait(TIMEOUT) == 0
    assert processes_of(tmp_path) == []


@pytest.mark.slow
def test_the_child_processes_end_when_dev_is_killed(
    dev: Callable[..., subprocess.Popen[str]], port: int, tmp_path: Path
) -> None:
    process = dev(port)
    wait_for(lambda: is_up(port))
    process.kill()
    wait_for(lambda: not processes_of(tmp_path))
