"""Ten times the default world's customers and terminals, with 4 GB for DuckDB."""

from typing import Any

from tests.benchmarks.processes import lakehouse
from tests.benchmarks.worlds import DEFAULT, Size, Worlds, transactions

LIMIT = "4GB"
LARGE = Size(DEFAULT.days, DEFAULT.customers * 10, DEFAULT.terminals * 10)


def ten_million(worlds: Worlds, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`ten_million_cpu_ratio`: CPU per transaction of a whole run over the default world's."""
    made_of: dict[str, Any] = {"limit": LIMIT}
    per_row = {}
    for name, size in (("default", DEFAULT), ("ten_million", LARGE)):
        data = worlds.copy(size, f"scale_{name}")
        run = lakehouse(data, "run", LAKEHOUSE_MEMORY_LIMIT=LIMIT)
        rows = transactions(data)
        per_row[name] = run.cpu / rows
        made_of[name] = {"transactions": rows, **run.as_json(), "layers": run.layers()}
        on_progress(
            f"{rows:,} transactions: {run.seconds:.0f} s, {run.cpu:.0f} s of CPU, "
            f"at most {run.peak_mb:.0f} MB"
        )
    return {"ten_million_cpu_ratio": per_row["ten_million"] / per_row["default"]}, made_of
