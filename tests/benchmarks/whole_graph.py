"""The whole graph against the bare script, at two sizes of the world: the cost of orchestration.

Seconds are modelled as `fixed + slope * transactions`, for each of the two; the ratio of the
slopes and the difference of the fixed parts are the cost of the graph beyond the work itself.
"""

import sys
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.compare import differences
from tests.benchmarks.processes import Measured, lakehouse, measure
from tests.benchmarks.worlds import DEFAULT, SMALL, Size, Worlds, settings_of, transactions


@dataclass(frozen=True)
class Line:
    """Seconds as a line over millions of transactions."""

    fixed: float
    slope: float

    @classmethod
    def through(cls, small: tuple[float, float], big: tuple[float, float]) -> "Line":
        """The line through two points (millions of transactions, seconds)."""
        slope = (big[1] - small[1]) / (big[0] - small[0])
        return cls(small[1] - slope * small[0], slope)


def whole_graph(
    worlds: Worlds, repeats: int, on_progress: Any
) -> tuple[dict[str, float], dict[str, Any]]:
    """`whole_graph_slope` and `whole_graph_fixed_seconds`, of wall and of CPU.

    The best of `repeats` counts, because noise only adds time. The folder `default` keeps a
    finished lake of the default world.
    """
    made_of: dict[str, Any] = {}
    points: dict[str, list[tuple[float, Measured]]] = {"graph": [], "bare": []}
    for name, size in (("small", SMALL), ("default", DEFAULT)):
        graph, bare, millions = _measure_both(worlds, size, name, repeats, on_progress)
        points["graph"].append((millions, graph))
        points["bare"].append((millions, bare))
        made_of[name] = {
            "transactions": round(millions * 1e6),
            "graph": graph.as_json() | {"layers": graph.layers()},
            "bare": bare.as_json(),
        }
    figures = {}
    for suffix, attribute in (("", "seconds"), ("_cpu", "cpu")):
        lines = {
            name: Line.through(*((millions, getattr(m, attribute)) for millions, m in measured))
            for name, measured in points.items()
        }
        figures[f"whole_graph_slope{suffix}"] = lines["graph"].slope / lines["bare"].slope
        fixed = lines["graph"].fixed - lines["bare"].fixed
        figures[f"whole_graph_fixed{suffix}_seconds"] = fixed
    figures["default_world_seconds"] = points["graph"][1][1].seconds
    return figures, made_of


def _measure_both(
    worlds: Worlds, size: Size, name: str, repeats: int, on_progress: Any
) -> tuple[Measured, Measured, float]:
    graphs, bares = [], []
    for _ in range(repeats):
        data = worlds.copy(size, name)
        database = worlds.folder / f"{name}.duckdb"
        script = [sys.executable, "-m", "tests.benchmarks.bare", str(data), str(database)]
        bares.append(measure(script))
        on_progress(
            f"bare script, {name} world: {bares[-1].seconds:.1f} s, {bares[-1].cpu:.1f} s of CPU"
        )
        graphs.append(lakehouse(data, "run"))
        on_progress(
            f"whole graph, {name} world: {graphs[-1].seconds:.1f} s, {graphs[-1].cpu:.1f} s of CPU"
        )
    for sentence in differences(settings_of(data), database):
        raise AssertionError(f"the bare script's result is not the lake's: {sentence}")
    best = (min(found, key=lambda m: m.seconds) for found in (graphs, bares))
    graph, bare = best
    return graph, bare, transactions(data) / 1e6
