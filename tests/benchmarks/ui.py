"""`lakehouse dev`: the time to its first answer, and processes that it leaves behind."""

import time
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import resident_mb
from tests.whole_graph.ui import running_ui

STOP_TIMEOUT = 5.0
"""Seconds that the last helpers of the command may take to end after it."""


def ui(data_dir: Path, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`dev_seconds` to the first answer with all assets, `dev_stop_seconds` from ctrl-c to the end.

    Measures a first and a second start on a data folder. `dev_left_behind` counts processes.
    """
    starts, stops, left = [], [], 0
    peak = 0.0
    for _ in range(2):
        started = time.monotonic()
        with running_ui(data_dir) as running:
            starts.append(time.monotonic() - started)
            assert len(running.assets()) > 20
            peak = max(peak, sum(map(resident_mb, _processes_of(data_dir))))
            stopping = time.monotonic()
        stops.append(time.monotonic() - stopping)
        left += _left_behind(data_dir)
        on_progress(
            f"dev: answers after {starts[-1]:.1f} s, stops in {stops[-1]:.1f} s, {left} left"
        )
    figures = {"dev_seconds": max(starts), "dev_stop_seconds": max(stops), "dev_left_behind": left}
    return figures, {"starts": starts, "stops": stops, "memory_mb": round(peak)}


def _left_behind(data_dir: Path) -> int:
    """The number of processes still alive a while after the command has ended."""
    end = time.monotonic() + STOP_TIMEOUT
    while _processes_of(data_dir) and time.monotonic() < end:
        time.sleep(0.2)
    return len(_processes_of(data_dir))


def _processes_of(data_dir: Path) -> list[int]:
    """The processes of a data folder, in any session."""
    mark = f"LAKEHOUSE_DATA_DIR={data_dir}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
