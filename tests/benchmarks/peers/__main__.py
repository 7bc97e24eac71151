"""`python -m tests.benchmarks.peers`: measures ours and the peers, adds them to benchmarks.json.

Each peer runs in an environment of its own, with two threads, one after another. What cannot be
installed or expressed is in the table with its reason.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tests.benchmarks.__main__ import machine
from tests.benchmarks.peers.environments import pinned
from tests.benchmarks.peers.inputs import write_handbook, write_lake
from tests.benchmarks.peers.measurement import Outcome
from tests.benchmarks.peers.models import (
    SCORING_PEERS,
    TRAINING_PEERS,
    ModelFolders,
    scoring,
    training,
)
from tests.benchmarks.peers.tables import print_tables
from tests.benchmarks.peers.windows import PEERS as WINDOW_PEERS
from tests.benchmarks.peers.windows import TASKS, Folders, windows
from tests.project import PROJECT

Part = Callable[[Callable[[str], bool]], Iterator[tuple[str, Outcome]]]
PARTS = {
    "windows": tuple(peer.name for peer in WINDOW_PEERS),
    "scoring": SCORING_PEERS,
    "training": TRAINING_PEERS,
}
"""Parts of the benchmark, and the peers of each."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--handbook",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the handbook's files.",
)
@click.option(
    "--lake",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Data folder of a finished run of the default world, which is only read. Without it, one "
    "is made (two minutes).",
)
@click.option(
    "--only",
    default="",
    help=f"Parts, tasks of windows ({', '.join(TASKS)}) and peers to run, comma-separated; by "
    "default all. " + "; ".join(f"{part}: {', '.join(peers)}" for part, peers in PARTS.items()),
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep rows, results and the lake in this folder, and reuse those in it.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PROJECT.root / "data" / "benchmarks.json",
    help="File for the figures; what is not run is kept. [default: data/benchmarks.json]",
)
def main(handbook: Path, lake: Path | None, only: str, keep: Path | None, json_file: Path) -> None:
    """Measure this project against its peers, on the same rows and with the same threads.

    All of it takes half an hour on two cores, and 3 GB for environments in data/peers. Run nothing
    else on the machine at the same time, or compare seconds of CPU.
    """
    names = set(filter(None, only.split(",")))
    known = {*PARTS, *TASKS, *(peer for peers in PARTS.values() for peer in peers)}
    if unknown := names - known:
        raise click.UsageError(f"unknown: {', '.join(sorted(unknown))}")
    tasks = [task for task in TASKS if task in names]
    parts = {part for part in PARTS if part in names} or ({"windows"} if tasks else set(PARTS))
    peers = names - set(PARTS) - set(TASKS)
    started = time.monotonic()

    def on_progress(text: str) -> None:
        click.echo(f"{time.monotonic() - started:6.0f} s  {text}", err=True)

    report = json.loads(json_file.read_text()) if json_file.exists() else {"made_of": {}}
    figures = report.setdefault("peers", {})
    with _folder(keep) as folder:
        for part, run in _parts(folder, handbook, lake, tasks, on_progress).items():
            if part not in parts or (peers and not peers & set(PARTS[part])):
                continue
            for task, outcome in run(lambda name: not peers or name in peers):
                one = figures.setdefault(part, {}).setdefault(task, {})
                one[outcome.peer] = {
                    **outcome.as_json(), "load_average_after": round(os.getloadavg()[0], 1)
                }  # fmt: skip
                # what was measured before a failure is kept
                _write(json_file, report)
    report["machine"] = machine()
    figures["requirements"] = {name: pinned(name) for name in _environments()}
    _write(json_file, report)
    print_tables(figures)
    click.echo(f"wrote {json_file}")


def _parts(
    folder: Path,
    handbook: Path,
    lake: Path | None,
    tasks: Sequence[str],
    on_progress: Callable[[str], None],
) -> dict[str, Part]:
    folders = Folders(folder / "rows", folder / "results")

    def window_features(chosen: Callable[[str], bool]) -> Iterator[tuple[str, Outcome]]:
        if not (folders.rows / "handbook").exists():
            write_handbook(handbook, folders.rows / "handbook")
        if not (folders.rows / "lake").exists():
            write_lake(lake or finished_lake(folder, on_progress), folders.rows / "lake")
        yield from windows(folders, chosen, on_progress, tasks or tuple(TASKS))

    def models() -> ModelFolders:
        from tests.benchmarks.peers.model_inputs import copy_lake, write_model

        data = lake or finished_lake(folder, on_progress)
        rows, copy = folder / "rows" / "model", folder / "copy"
        write_model(data, rows)
        shutil.rmtree(copy, ignore_errors=True)
        copy_lake(data, copy)
        return ModelFolders(data.resolve(), copy, rows, folder / "results")

    return {
        "windows": window_features,
        "scoring": lambda chosen: scoring(models(), chosen, on_progress),
        "training": lambda chosen: training(models(), chosen, on_progress),
    }


def finished_lake(folder: Path, on_progress: Callable[[str], None]) -> Path:
    """A data folder with a finished run of the default world, made when it is missing."""
    from tests.benchmarks.processes import lakehouse
    from tests.benchmarks.worlds import DEFAULT, Worlds

    data = folder / "default"
    if not (data / "models").exists():
        Worlds(folder).copy(DEFAULT, "default")
        on_progress(f"created a lake in {lakehouse(data, 'run').seconds:.1f} s")
    return data


def _environments() -> list[str]:
    from tests.benchmarks.peers.environments import REQUIREMENTS

    return sorted(file.stem for file in REQUIREMENTS.glob("*.txt"))


def _write(file: Path, report: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2) + "\n")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="lakehouse-peers-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    main()
