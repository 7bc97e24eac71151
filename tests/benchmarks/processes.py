"""Running a command and measuring it: wall, CPU of it and its children, and their peak memory."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SCRIPTS = Path(sys.executable).parent
_INTERVAL = 0.05
_LAYER = re.compile(r"^done\s+(\w+)/\S+ .*?([\d.]+) s$", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """`seconds` of wall and `cpu` (user and system, with children); `peak_mb` as in /proc.

    `peak_mb` is the largest sum of the resident sets of all processes at one moment.
    """

    seconds: float
    cpu: float
    peak_mb: float
    output: str

    def as_json(self) -> dict[str, float]:
        """The figures, rounded."""
        values = asdict(self)
        del values["output"]
        return {name: round(value, 2) for name, value in values.items()}

    def layers(self) -> dict[str, float]:
        """Seconds by layer, from the lines of `lakehouse run`."""
        found: dict[str, float] = {}
        for layer, seconds in _LAYER.findall(self.output):
            found[layer] = round(found.get(layer, 0.0) + float(seconds), 1)
        return found


class CommandFailed(Exception):
    """A required command failed; the message ends with its output."""


def measure(command: Sequence[str | Path], **environment: str) -> Measured:
    """Run `command` with additional variables in its environment.

    Raises:
        CommandFailed: when it does not end with status 0.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    peak = _Peak(process.pid)
    peak.start()
    assert process.stdout is not None
    output = process.stdout.read()
    # wait4 counts only children that the process itself has waited for
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    peak.stop()
    if process.returncode != 0:
        raise CommandFailed(
            f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output}"
        )
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak.megabytes, output)


def lakehouse(data_dir: Path, *arguments: str, **environment: str) -> Measured:
    """The `lakehouse` command on a data folder."""
    return measure(
        [SCRIPTS / "lakehouse", *arguments], LAKEHOUSE_DATA_DIR=str(data_dir), **environment
    )


class _Peak(threading.Thread):
    """Polls the memory of a session's processes."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self._session = session
        self._stop_requested = threading.Event()
        self.megabytes = 0.0

    def run(self) -> None:
        while not self._stop_requested.wait(_INTERVAL):
            self.megabytes = max(self.megabytes, sum(map(resident_mb, members(self._session))))

    def stop(self) -> None:
        self._stop_requested.set()
        self.join()


def members(session: int) -> list[int]:
    """The processes of a session, as /proc has them; none where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(entry.name)) == session:
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def resident_mb(process: int) -> float:
    """Resident memory of a process in megabytes; 0 when it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
