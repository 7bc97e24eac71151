"""From a landing file to its predictions, with the daemon running."""

import time
from pathlib import Path
from statistics import median
from typing import Any

from lakehouse.lake import Lake
from tests.benchmarks.processes import lakehouse
from tests.benchmarks.worlds import settings_of
from tests.whole_graph.ui import running_ui

FILES = 5
LIMIT = 300
SCORED = "predictions.fraud_detector"


def landing(data_dir: Path, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`landing_to_prediction_seconds`: the median of several files, one after another.

    Each is a day of the world: the clock starts when its files exist, and stops when there are more
    rows of predictions.
    """
    seconds = []
    with running_ui(data_dir):
        for _ in range(FILES):
            before = _rows(data_dir)
            lakehouse(data_dir, "simulate", "--days", "1")
            started = time.monotonic()
            while _rows(data_dir) == before:
                if time.monotonic() - started > LIMIT:
                    raise TimeoutError(f"no new rows in {SCORED} within {LIMIT} s")
                time.sleep(0.5)
            seconds.append(round(time.monotonic() - started, 1))
            on_progress(f"from file to prediction: {seconds[-1]:.1f} s")
            time.sleep(10)  # the rest of the run, and whatever follows it
    figures = {
        "landing_to_prediction_seconds": median(seconds),
        "landing_to_prediction_worst_seconds": max(seconds),
    }
    return figures, {"seconds": seconds}


def _rows(data_dir: Path) -> int:
    with Lake(settings_of(data_dir), read_only=True) as lake:
        return lake.rows(SCORED)
