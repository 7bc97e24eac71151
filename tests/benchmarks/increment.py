"""One more day after a long history against one more day after a short one; and no new data.

Models are left out: after 18 days there is not yet enough history to train one.
"""

from statistics import median
from typing import Any

from lakehouse.lake import Lake
from tests.benchmarks.processes import Measured, lakehouse
from tests.benchmarks.worlds import DEFAULT, SHORT, Worlds, settings_of

LAYERS = ("landing", "raw", "staging", "core", "reporting", "features")
DAYS = 3


def increment(worlds: Worlds, on_progress: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """`increment_ratio` of wall and of CPU (medians of three days), and `idle_seconds`."""
    select = [part for layer in LAYERS for part in ("--select", f"{layer}/*")]
    measured: dict[str, list[Measured]] = {}
    for name, size in (("after_18_days", SHORT), ("after_180_days", DEFAULT)):
        # a lake stores its place, so a finished one is used where it is
        data = worlds.folder / ("default" if size == DEFAULT else name)
        if not (data / "models").exists():
            data = worlds.copy(size, data.name)
            on_progress(f"{name}: history in {lakehouse(data, 'run', *select).seconds:.1f} s")
        measured[name] = []
        for _ in range(DAYS):
            lakehouse(data, "simulate", "--days", "1")
            measured[name].append(lakehouse(data, "run", *select))
            last = measured[name][-1]
            on_progress(f"{name}: one more day in {last.seconds:.1f} s, {last.cpu:.1f} s of CPU")
    before = _snapshot(data)
    idle = lakehouse(data, "run", *select)
    snapshots = _snapshot(data) - before
    on_progress(
        f"no new data: {idle.seconds:.1f} s, {idle.cpu:.1f} s of CPU, {snapshots} new snapshots"
    )
    short, long = measured.values()
    figures = {
        "increment_ratio": median(m.seconds for m in long) / median(m.seconds for m in short),
        "increment_cpu_ratio": median(m.cpu for m in long) / median(m.cpu for m in short),
        "idle_seconds": idle.seconds,
        "idle_snapshots": float(snapshots),
    }
    made_of: dict[str, Any] = {
        name: [m.as_json() | {"layers": m.layers()} for m in days]
        for name, days in measured.items()
    }
    return figures, made_of | {"idle": idle.as_json() | {"layers": idle.layers()}}


def _snapshot(data: Any) -> int:
    with Lake(settings_of(data), read_only=True) as lake:
        return lake.snapshot()
