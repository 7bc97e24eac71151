"""`lakehouse dev`: how soon it answers, and whether it leaves anything behind."""

import os
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import members, resident_mb
from tests.whole_graph.ui import running_ui


def ui(data_dir: Path, tell: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`dev_seconds` to the first answer with all assets, `dev_stop_seconds` from ctrl-c on.

    The first start on a data folder and a second one. `dev_left_behind` counts processes.
    """
    starts, stops, left = [], [], 0
    peak = 0.0
    for _ in range(2):
        before = _ours()
        started = time.monotonic()
        with running_ui(data_dir) as running:
            starts.append(time.monotonic() - started)
            assert len(running.assets()) > 20
            peak = max(peak, sum(map(resident_mb, _ours() - before)))
            stopping = time.monotonic()
        stops.append(time.monotonic() - stopping)
        left += len(_ours() - before)
        tell(f"dev: answers after {starts[-1]:.1f} s, stops in {stops[-1]:.1f} s, {left} left")
    figures = {"dev_seconds": max(starts), "dev_stop_seconds": max(stops), "dev_left_behind": left}
    return figures, {"starts": starts, "stops": stops, "memory_mb": round(peak)}


def _ours() -> set[int]:
    """Processes with the UI's command in them, whatever their session."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"dagster" in words and entry.stat().st_uid == os.getuid():
            found.add(int(entry.name))
    return found


__all__ = ["members", "ui"]
