"""One writer at a time, across processes and, with a server's catalog, across machines.

SQLite admits one writer and fails the others ("database is locked" in 100 of 120 transactions of
six processes), so writers queue at a lock file, which the operating system releases when its holder
dies. PostgreSQL would admit all of them, and two loaders could take the same file: there they queue
at an advisory lock of the server (`server_lock.py`).
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse.errors import Transient
from lakehouse.lake.server_lock import ServerLock
from lakehouse.settings import Settings

POLL_SECONDS = 0.05


class LakeBusy(Transient):
    """Another writer held the lock for longer than the timeout."""


@dataclass
class _Turn:
    """Whose turn it is among the threads of this process: the holder's thread and name."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: int | None = None
    holder: str = ""


_turns: dict[str, _Turn] = {}
"""By catalog."""


def lock_path(settings: Settings) -> Path:
    """The lock file, next to the catalog that it guards."""
    return Path(settings.catalog.removeprefix("sqlite:") + ".lock")


@dataclass
class _Waiter:
    """Somebody who waits for the lock: until the timeout, or until the wait is cancelled."""

    settings: Settings
    name: str
    is_cancelled: Callable[[], bool]
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.settings.lock_timeout

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def gives_up(self) -> bool:
        return self.is_cancelled() or not self.seconds_left

    def error(self, lock: str, holder: str) -> LakeBusy:
        by = f"held by {holder or 'an unknown process'}"
        if self.is_cancelled():
            return LakeBusy(f"{self.name} was stopped; the lake's write lock {lock} was {by}")
        return LakeBusy(
            f"{self.name} waited {self.settings.lock_timeout:g} s for the lake's write lock "
            f"{lock}, {by}; let it finish, or raise LAKEHOUSE_LOCK_TIMEOUT"
        )


@contextmanager
def write_lock(
    settings: Settings, holder: str, is_cancelled: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Hold the lake's write lock. Re-entrant within a thread; released when the process dies.

    The error of a waiter that times out names `holder`. A waiter for whom `is_cancelled` becomes
    true gives up at once.

    Raises:
        LakeBusy: after `settings.lock_timeout` seconds of waiting for another thread or process,
            or when the wait was cancelled.
        CatalogDown: when the server of the catalog does not answer.
    """
    turn = _turns.setdefault(settings.catalog, _Turn())
    if turn.thread == threading.get_ident():
        yield
        return
    waiter = _Waiter(settings, f"{holder} (process {os.getpid()})", is_cancelled)
    while not turn.lock.acquire(timeout=POLL_SECONDS):
        if waiter.gives_up():
            raise waiter.error("in this process", turn.holder)
    try:
        with (_file_lock if settings.embedded else _server_lock)(waiter):
            turn.thread, turn.holder = threading.get_ident(), waiter.name
            try:
                yield
            finally:
                turn.thread = None
    finally:
        turn.lock.release()


@contextmanager
def _file_lock(waiter: _Waiter) -> Iterator[None]:
    path = lock_path(waiter.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    note = path.with_suffix(".holder")
    try:
        held = FileLock(path).acquire(
            waiter.seconds_left, poll_interval=POLL_SECONDS, cancel_check=waiter.is_cancelled
        )
    except Timeout:
        raise waiter.error(str(path), note.read_text() if note.exists() else "") from None
    with held:
        note.write_text(waiter.name)
        yield


@contextmanager
def _server_lock(waiter: _Waiter) -> Iterator[None]:
    with closing(ServerLock(waiter.settings.catalog)) as lock:
        while not lock.acquire(waiter.name):
            if waiter.gives_up():
                raise waiter.error("of the catalog's server", lock.holder())
            time.sleep(POLL_SECONDS)
        yield
