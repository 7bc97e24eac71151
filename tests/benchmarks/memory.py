"""The default world with a gigabyte for DuckDB: it completes, and the memory of all processes."""

from typing import Any

from tests.benchmarks.processes import lakehouse
from tests.benchmarks.worlds import DEFAULT, Worlds

LIMIT = "1GB"


def memory(worlds: Worlds, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`peak_memory_mb` of the run and its children at one moment, with Python and LightGBM."""
    data = worlds.copy(DEFAULT, "memory")
    run = lakehouse(data, "run", LAKEHOUSE_MEMORY_LIMIT=LIMIT)
    on_progress(f"{LIMIT}: {run.seconds:.1f} s, at most {run.peak_mb:.0f} MB")
    return {"peak_memory_mb": run.peak_mb}, {"limit": LIMIT, **run.as_json()}
