"""Data folders with an embedded world, made once per benchmark run and copied for each use."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from lakehouse.settings import Settings, load_settings
from lakehouse.simulator.world import load_world
from tests.benchmarks.processes import lakehouse


@dataclass(frozen=True)
class Size:
    """Size of a world. Customers, terminals and days determine the number of transactions."""

    days: int
    customers: int
    terminals: int


DEFAULT = Size(180, 5_000, 10_000)
SMALL = Size(90, 2_500, 5_000)
SHORT = Size(18, 5_000, 10_000)
END = "2026-11-21"
"""Fixed, so that what is measured on different days is the same world."""


class Worlds:
    """A folder of worlds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copy(self, size: Size, name: str) -> Path:
        """A data folder with this name, a fresh world and nothing else."""
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self._original(size), target)
        return target

    def _original(self, size: Size) -> Path:
        place = self.folder / f"world-{size.days}-{size.customers}-{size.terminals}"
        # an interrupted world is continued
        if not place.exists() or not load_world(place / "world").is_complete:
            arguments = {**asdict(size), "end": END}
            options = [part for name, value in arguments.items() for part in (f"--{name}", value)]
            lakehouse(place, "simulate", *map(str, options))
        return place


def transactions(data_dir: Path) -> int:
    """The number of transactions in the world of a data folder."""
    return load_world(data_dir / "world").counts.transactions


def settings_of(data_dir: Path) -> Settings:
    """The default settings for a data folder."""
    return load_settings({}, data_dir=data_dir)
