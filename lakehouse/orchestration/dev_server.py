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
from lakehouse.orchestration.runs.instance import dagster_home, init_event_cursors, open_instance
from lakehouse.settings import Settings

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 20.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_IGNORED_WARNING = "ignore:Function `dev_command` is superseded"
"""A warning that is meant for interactive users of `dagster dev`."""


class DevServerError(LakehouseError):
    """The UI could not start, or ended unexpectedly."""


def serve(settings: Settings, port: int) -> None:
    """Run `dagster dev` until ctrl-c or a signal to this process stops it.

    Raises:
        DevServerError: before the start, when another instance serves this data folder or the
            port is in use; later, when Dagster's services end without being stopped.
    """
    home = dagster_home(settings)
    address = f"http://{HOST}:{port}"
    with _single_server(home, address, settings):
        _refuse_used_port(port)
        with open_instance(settings) as instance:
            init_event_cursors(instance)
        stopped = _run_services(settings, home, port)
    if not stopped:
        raise DevServerError(
            f"Dagster's services on {address} ended; see their last lines for the cause"
        )


@contextmanager
def _single_server(home: Path, address: str, settings: Settings) -> Iterator[None]:
    """Ensure a single server: two daemons on one history would each launch every due run."""
    lock, note = FileLock(home / "dev.lock"), home / "dev.address"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        where = note.read_text() if note.exists() else "another address"
        raise DevServerError(
            f"`lakehouse dev` already serves {settings.data_dir} on {where}; open that address, "
            "or stop the other server first"
        ) from None
    try:
        note.write_text(f"{address} (process {os.getpid()})")
        yield
    finally:
        lock.release()


def _refuse_used_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DevServerError(
                f"port {port} of {HOST} cannot be used ({error.strerror}); "
                f"stop the process that uses it, or choose another: lakehouse dev --port {port + 1}"
            ) from error


def _run_services(settings: Settings, home: Path, port: int) -> bool:
    """Run the services; return whether they ended because they were stopped."""
    project = settings.project
    command = [
        *(sys.executable, "-W", _IGNORED_WARNING, "-m", "dagster", "dev"),
        *("--workspace", str(project.workspace_yaml)),
        *("--host", HOST, "--port", str(port)),
    ]
    paths = [str(project.source_dir), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **settings.environment(),
        "DAGSTER_HOME": str(home),
        # the project's own package may not be installed
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    stop_requested = False
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # to wait for orphaned processes that Dagster started
    # a new session: this process forwards each signal once, and the terminal does not send it to
    # some of the processes as well
    process = subprocess.Popen(
        command, cwd=home, env=environment, start_new_session=True, preexec_fn=_end_with_parent
    )

    def stop(*_: object) -> None:
        nonlocal stop_requested
        stop_requested = True
        process.send_signal(signal.SIGINT)

    # `nohup` ignores SIGHUP on purpose; a shell's background job ignores ctrl-c by default
    handled = [
        n for n in _STOP_SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN
    ]
    previous = {number: signal.signal(number, stop) for number in handled}
    try:
        process.wait()
        _end_group(process.pid)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return stop_requested


def _end_group(group: int) -> None:
    """End Dagster's remaining processes: its code servers, and an active run.

    An interrupted run records that in its history; one that does not react may be killed.
    """
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(group, number)
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while _group_exists(group) and time.monotonic() < deadline:
            time.sleep(0.1)


def _group_exists(group: int) -> bool:
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
