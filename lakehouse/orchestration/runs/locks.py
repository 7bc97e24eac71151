"""Which runs are alive, and which one may work: two kinds of file locks.

The operating system releases a lock when its process dies, for any reason, so no other process has
to be asked. Each run holds its own lock, named after it, from its start to the end of its process:
if the lock cannot be taken, the run is alive. In addition, the steps of only one run at a time work
on a data folder, whatever started it (the command, the UI, a sensor): they hold the folder's
`run.lock`. The lake's write lock is a third one, held for a commit only (`lake/lock.py`).
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

PROBE_SECONDS = 10
"""More than the time for which another process holds a lock to test it."""
_own_locks: dict[Path, FileLock] = {}
"""The runs of this process, which alone may release their locks."""


@dataclass(frozen=True)
class Holder:
    """The run whose turn it is, who started it, and since when (UTC)."""

    run_id: str
    job: str
    started_by: str
    process: int
    since: str

    def __str__(self) -> str:
        return (
            f"run {self.run_id[:8]} of {self.job} "
            f"(started by {self.started_by} at {self.since} UTC, process {self.process})"
        )


def this_process(run_id: str, job: str, started_by: str) -> Holder:
    """A run of this process that begins now."""
    return Holder(run_id, job, started_by, os.getpid(), f"{datetime.now(UTC):%Y-%m-%d %H:%M}")


class LiveRuns:
    """The locks of the runs of one Dagster history, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def enter(self, run_id: str) -> None:
        """Mark a run of this process as alive, until `leave` or the end of the process."""
        path = self._path(run_id)
        if path not in _own_locks:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path, thread_local=False)
            lock.acquire(timeout=PROBE_SECONDS)
            _own_locks[path] = lock

    def leave(self, run_id: str) -> None:
        """Mark the run as ended, after its history records the end."""
        path = self._path(run_id)
        if lock := _own_locks.pop(path, None):
            path.unlink(missing_ok=True)
            lock.release()

    def is_alive(self, run_id: str) -> bool | None:
        """Whether the run's process is alive; None when its lock file does not exist (any more)."""
        path = self._path(run_id)
        if path in _own_locks:
            return True
        if not path.exists():
            return None
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        lock.release()
        return False

    def forget(self, run_id: str) -> None:
        """Delete the lock file of a dead run."""
        if self.is_alive(run_id) is False:
            self._path(run_id).unlink(missing_ok=True)

    def run_ids(self) -> list[str]:
        """The runs that have a lock file, alive or dead."""
        return sorted(path.stem for path in self._folder.glob("*.lock"))

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.lock"


class Turn:
    """The right of one run at a time to work on a data folder."""

    def __init__(self, data_dir: Path, me: Holder) -> None:
        self._lock = FileLock(data_dir / "run.lock", thread_local=False)
        self._note = data_dir / "run.holder"
        self._me = me

    def acquire(self) -> bool:
        """Try to acquire it; on success, record the holder."""
        self._note.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        written = self._note.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(asdict(self._me)))
        written.replace(self._note)
        return True

    def release(self) -> None:
        """Release it for the next run."""
        self._lock.release()

    def holder(self) -> str:
        """A description of the holder."""
        try:
            return str(Holder(**json.loads(self._note.read_text())))
        except (OSError, ValueError, TypeError):
            return "another run"
