"""One writer at a time, across processes and, with a server's catalog, across machines.

SQLite admits one writer and fails the others ("database is locked" in 100 of 120 transactions of
six processes), so writers queue at a lock file, which the operating system releases when its holder
dies. PostgreSQL would admit all of them, and two loaders could take the same file: there they queue
at an advisory lock of the server (`server_lock.py`).
"""

import os
import threading
import time
from collections.abc import Iterator
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


@contextmanager
def write_lock(settings: Settings, holder: str) -> Iterator[None]:
    """Hold the lake's write lock. Re-entrant within a thread; released when the process dies.

    The error of a waiter that times out names `holder`.

    Raises:
        LakeBusy: after `settings.lock_timeout` seconds of waiting for another thread or process.
        CatalogDown: when the server of the catalog does not answer.
    """
    turn = _turns.setdefault(settings.catalog, _Turn())
    if turn.thread == threading.get_ident():
        yield
        return
    me = f"{holder} (process {os.getpid()})"
    if not turn.lock.acquire(timeout=settings.lock_timeout):
        raise _busy(settings, me, "in this process", turn.holder)
    try:
        with (_file_lock if settings.embedded else _server_lock)(settings, me):
            turn.thread, turn.holder = threading.get_ident(), me
            try:
                yield
            finally:
                turn.thread = None
    finally:
        turn.lock.release()


@contextmanager
def _file_lock(settings: Settings, me: str) -> Iterator[None]:
    path = lock_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    note = path.with_suffix(".holder")
    try:
        held = FileLock(path).acquire(settings.lock_timeout, poll_interval=POLL_SECONDS)
    except Timeout:
        who = note.read_text() if note.exists() else ""
        raise _busy(settings, me, str(path), who) from None
    with held:
        note.write_text(me)
        yield


@contextmanager
def _server_lock(settings: Settings, me: str) -> Iterator[None]:
    give_up = time.monotonic() + settings.lock_timeout
    with closing(ServerLock(settings.catalog)) as lock:
        while not lock.acquire(me):
            if time.monotonic() > give_up:
                raise _busy(settings, me, "of the catalog's server", lock.holder())
            time.sleep(POLL_SECONDS)
        yield


def _busy(settings: Settings, me: str, lock: str, who: str) -> LakeBusy:
    return LakeBusy(
        f"{me} waited {settings.lock_timeout:g} s for the lake's write lock {lock}, "
        f"held by {who or 'an unknown process'}; let it finish, or raise LAKEHOUSE_LOCK_TIMEOUT"
    )
