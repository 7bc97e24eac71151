"""`python -m tests.benchmarks`: runs the benchmarks, prints a table, writes benchmarks.json."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from lakehouse.settings import count_cores
from tests.project import PROJECT

TARGETS = {
    "whole_graph_slope": 1.05,
    "whole_graph_fixed_seconds": 22,
    "default_world_seconds": 120,
    "increment_ratio": 1.1,
    "idle_seconds": 4,
    "landing_to_prediction_seconds": 25,
    "ten_million_cpu_ratio": 1.15,
    "idle_snapshots": 0,
    "features_ratio": 1.0,
    "features_polars_ratio": 1.5,
    "heavy_hitter_ratio": 1.3,
    "feature_sets_cpu_seconds": 8,
    "drift_seconds": 5,
    "definitions_seconds": 3,
    "dev_seconds": 25,
    "dev_left_behind": 0,
}
"""Upper limits; the other figures have none."""
ALL = (
    "slope",
    "increment",
    "features",
    "drift",
    "definitions",
    "memory",
    "ui",
    "landing",
    "ten_million",
)
Outcome = tuple[dict[str, float], dict[str, Any]]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--only",
    default=",".join(ALL),
    show_default=True,
    help="Benchmarks to run, comma-separated. Those that need a finished lake create one.",
)
@click.option(
    "--repeats", default=1, show_default=True, help="How often to run `slope`; the best run counts."
)
@click.option(
    "--handbook",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the handbook's files for `features`; without it, the default world is used.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep worlds and lakes in this folder, and reuse those in it.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PROJECT.root / "data" / "benchmarks.json",
    help="File for the figures; those of benchmarks that are not run are kept. "
    "[default: data/benchmarks.json]",
)
def main(
    only: str, repeats: int, handbook: Path | None, keep: Path | None, json_file: Path
) -> None:
    """Measure speed and memory of the project, as ratios within one run.

    All benchmarks take about forty minutes on two cores. Run nothing else on the machine at the
    same time: wall seconds are compared with the targets, CPU seconds are only reported.
    """
    chosen = only.split(",")
    if unknown := set(chosen) - set(ALL):
        raise click.UsageError(
            f"unknown benchmark: {', '.join(sorted(unknown))}; known: {', '.join(ALL)}"
        )
    started = time.monotonic()

    def on_progress(text: str) -> None:
        click.echo(f"{time.monotonic() - started:6.0f} s  {text}", err=True)

    # the measurements before a failed benchmark are still written
    report = json.loads(json_file.read_text()) if json_file.exists() else {"made_of": {}}
    with _folder(keep) as folder:
        for name, run in _benchmarks(folder, repeats, handbook, on_progress).items():
            if name not in chosen:
                continue
            load = os.getloadavg()[0]
            figures, made_of = run()
            report |= {key: round(value, 3) for key, value in figures.items()}
            report["made_of"][name] = {"load_average_before": round(load, 1), **made_of}
            report["machine"] = machine()
            json_file.parent.mkdir(parents=True, exist_ok=True)
            json_file.write_text(json.dumps(report, indent=2) + "\n")
    _print(report)
    click.echo(f"wrote {json_file}")


def _benchmarks(
    folder: Path, repeats: int, handbook: Path | None, on_progress: Callable[[str], None]
) -> dict[str, Callable[[], Outcome]]:
    """The benchmarks in an order in which each leaves worlds and lakes for the next."""
    from tests.benchmarks.definitions import definitions
    from tests.benchmarks.drift import drift
    from tests.benchmarks.features import features, from_handbook, from_lake, shipped_sets
    from tests.benchmarks.increment import increment
    from tests.benchmarks.landing import landing
    from tests.benchmarks.memory import memory
    from tests.benchmarks.processes import lakehouse
    from tests.benchmarks.ten_million import ten_million
    from tests.benchmarks.ui import ui
    from tests.benchmarks.whole_graph import whole_graph
    from tests.benchmarks.worlds import DEFAULT, Worlds

    worlds = Worlds(folder)

    def finished_lake() -> Path:
        data = folder / "default"
        if not (data / "models").exists():
            worlds.copy(DEFAULT, "default")
            on_progress(f"created a lake in {lakehouse(data, 'run').seconds:.1f} s")
        return data

    def window_features() -> Outcome:
        lake = finished_lake()
        sets, made_of_sets = shipped_sets(lake, on_progress)
        db, delay = from_handbook(handbook) if handbook else from_lake(lake)
        with db:
            figures, made_of = features(db, delay, on_progress)
        return figures | sets, {**made_of, "shipped sets": made_of_sets}

    return {
        "slope": lambda: whole_graph(worlds, repeats, on_progress),
        "increment": lambda: increment(worlds, on_progress),
        "features": window_features,
        "drift": lambda: drift(folder / "drift", on_progress),
        "definitions": lambda: definitions(folder / "definitions", on_progress),
        "memory": lambda: memory(worlds, on_progress),
        "ui": lambda: ui(finished_lake(), on_progress),
        "landing": lambda: landing(finished_lake(), on_progress),
        "ten_million": lambda: ten_million(worlds, on_progress),
    }


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="lakehouse-benchmarks-") as folder:
        yield Path(folder)


def machine() -> dict[str, Any]:
    """Cores and versions."""
    return {
        "cores": count_cores(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "dagster", "dbt-core", "lightgbm")},
    }


def _print(report: dict[str, Any]) -> None:
    table = Table("figure", header_style="bold")
    table.add_column("measured", justify="right")
    table.add_column("at most", justify="right")
    for name, value in report.items():
        if isinstance(value, float | int):
            target = TARGETS.get(name)
            met = target is None or value <= target
            shown = f"{value:,.2f}" if met else f"[red]{value:,.2f}[/]"
            table.add_row(name, shown, "" if target is None else f"{target:g}")
    Console().print(table)


if __name__ == "__main__":
    main()
