"""Dagster's UI and daemon, on loopback only, stopped together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse.errors import LakehouseError
from lakehouse.orchestration.runs.instance import begin_event_cursors, dagster_home, open_instance
from lakehouse.settings import PROJECT_ROOT, Settings

HOST = "127.0.0.1"
END_WITHIN_SECONDS = 20.0
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_NOT_OURS = "ignore:Function `dev_command` is superseded"
"""A warning that is meant for interactive users of `dagster dev`."""


class CannotServe(LakehouseError):
    """The UI could not start, or ended unexpectedly."""


def serve(settings: Settings, port: int) -> None:
    """Run `dagster dev` until ctrl-c or a signal to this process stops it.

    Raises:
        CannotServe: before the start, when another instance serves this data folder or uses the
            port; later, when Dagster's services end without being stopped.
    """
    home = dagster_home(settings)
    address = f"http://{HOST}:{port}"
    with _only_one(home, address, settings):
        _refuse_taken(port)
        with open_instance(settings) as instance:
            begin_event_cursors(instance)
        stopped = _run_services(settings, home, port)
    if not stopped:
        raise CannotServe(
            f"Dagster's services on {address} ended; see their last lines for the cause"
        )


@contextmanager
def _only_one(home: Path, address: str, settings: Settings) -> Iterator[None]:
    """Ensure a single server: two daemons on one history would each launch every due run."""
    lock, note = FileLock(home / "dev.lock"), home / "dev.address"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        where = note.read_text() if note.exists() else "another address"
        raise CannotServe(
            f"`lakehouse dev` already serves {settings.data_dir} on {where}; open that address, "
            "or stop the other server first"
        ) from None
    try:
        note.write_text(f"{address} (process {os.getpid()})")
        yield
    finally:
        lock.release()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CannotServe(
                f"port {port} of {HOST} cannot be used ({error.strerror}); "
                f"stop the process that uses it, or choose another: lakehouse dev --port {port + 1}"
            ) from error


def _run_services(settings: Settings, home: Path, port: int) -> bool:
    """Run the services; return whether they ended because they were stopped."""
    command = [
        *(sys.executable, "-W", _NOT_OURS, "-m", "dagster", "dev"),
        *("--workspace", str(PROJECT_ROOT / "workspace.yaml")),
        *("--host", HOST, "--port", str(port)),
    ]
    environment = {**os.environ, **settings.environment(), "DAGSTER_HOME": str(home)}
    asked_to_stop = False
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # to wait for orphaned processes that Dagster started
    # a new session: this process forwards each signal once, and the terminal does not send it to
    # some of the processes as well
    process = subprocess.Popen(
        command, cwd=home, env=environment, start_new_session=True, preexec_fn=_end_with_parent
    )

    def stop(*_: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True
        process.send_signal(signal.SIGINT)

    # `nohup` ignores SIGHUP on purpose; a shell's background job ignores ctrl-c by default
    heard = [n for n in _STOPS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        process.wait()
        _end_the_rest(process.pid)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return asked_to_stop


def _end_the_rest(group: int) -> None:
    """End Dagster's remaining processes: its code servers, and an active run.

    An interrupted run records that in its history; one that does not react may be killed.
    """
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(group, number)
        give_up = time.monotonic() + END_WITHIN_SECONDS
        while _is_there(group) and time.monotonic() < give_up:
            time.sleep(0.1)


def _is_there(group: int) -> bool:
    with suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG) != (0, 0):
            pass  # already ended
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _end_with_parent() -> None:
    """In the child: stop when the parent is killed (Linux only), even with ignored signals."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
