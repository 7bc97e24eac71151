"""Measures a part of a peer's script and prints the figures as the last line, as JSON.

Standard library only: it runs in every peer's environment. Seconds are wall time, `cpu` is user and
system time of the process and its children (a JVM too), `peak_mb` the largest sum of their resident
memory while the measured part ran, polled.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

INTERVAL = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def measure(run: Callable[[], Any], times: int = 1) -> dict[str, Any]:
    """Run several times: the best `seconds` and `cpu`, the largest `peak_mb`, and each run's."""
    base = _resident()
    runs = []
    for _ in range(times):
        peak = _Peak()
        peak.start()
        wall, cpu = time.monotonic(), _cpu()
        run()
        wall, cpu = time.monotonic() - wall, _cpu() - cpu
        peak.end()
        runs.append({"seconds": wall, "cpu": cpu, "peak_mb": peak.bytes / 1e6})
    return {
        "seconds": min(one["seconds"] for one in runs),
        "cpu": min(one["cpu"] for one in runs),
        "peak_mb": max(one["peak_mb"] for one in runs),
        "base_mb": base / 1e6,
        "runs": [{name: round(value, 3) for name, value in one.items()} for one in runs],
    }


def report(**figures: Any) -> None:
    """Print the figures as one line of JSON, the last of the output."""
    sys.stdout.flush()
    print(json.dumps(figures))


def _children() -> list[int]:
    """All descendants of this process that run now."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        parents.setdefault(parent, []).append(int(entry.name))
    found, left = [], [os.getpid()]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def _cpu() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in _children():
        try:
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) / _TICKS
    return total


def _resident() -> int:
    total = 0
    for process in (os.getpid(), *_children()):
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


class _Peak(threading.Thread):
    """Polls the memory of this process and its children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(INTERVAL):
            self.bytes = max(self.bytes, _resident())

    def end(self) -> None:
        self._ended.set()
        self.join()
        self.bytes = max(self.bytes, _resident())
