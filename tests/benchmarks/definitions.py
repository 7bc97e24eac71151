"""Loading the definitions in a fresh process, as every Dagster process and every command does."""

import sys
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.processes import measure

LOAD = "from lakehouse.definitions import defs; defs().get_repository_def().get_all_jobs()"
TIMES = 5


def definitions(data_dir: Path, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`definitions_seconds`: the median of five, with the dbt project already parsed."""
    command = [sys.executable, "-c", LOAD]
    cold = measure(command, LAKEHOUSE_DATA_DIR=str(data_dir))
    warm = [measure(command, LAKEHOUSE_DATA_DIR=str(data_dir)) for _ in range(TIMES)]
    on_progress(f"definitions: {[round(m.seconds, 1) for m in warm]} s")
    figures = {
        "definitions_seconds": median(m.seconds for m in warm),
        "definitions_cpu_seconds": median(m.cpu for m in warm),
    }
    return figures, {"first": cold.as_json(), "warm": [m.as_json() for m in warm]}
