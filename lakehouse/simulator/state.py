"""The state from which a world continues: saved last on every day, so that a killed day is redone.

`world.json` is readable text, and its presence makes a folder a world; it names its file of arrays,
so that the two change together.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from lakehouse.simulator.changes import Population
from lakehouse.simulator.chargebacks import Reports
from lakehouse.simulator.columns import Array, Columns, Floats
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.dirt import Deliveries
from lakehouse.simulator.landing import write_atomically
from lakehouse.simulator.population import Customers, Terminals

RECORD = "world.json"


class Counts(BaseModel):
    """The totals so far."""

    model_config = ConfigDict(frozen=True)

    days: int = 0
    transactions: int = 0
    frauds: int = 0
    chargebacks: int = 0


class Record(BaseModel):
    """The content of `world.json`."""

    model_config = ConfigDict(frozen=True)

    config: WorldConfig
    counts: Counts
    arrays: str


@dataclass(frozen=True)
class State:
    """A world between two days; `counts.days` is the index of the next one."""

    counts: Counts
    people: Population
    log_rates: Floats
    waiting: Deliveries  # rows for files of days to come
    reports: Reports  # reports of days to come


def exists(world_dir: Path) -> bool:
    """Whether there is a world in this folder."""
    return (world_dir / RECORD).exists()


def read_record(world_dir: Path) -> Record:
    """The record of the world in this folder, which must exist."""
    return Record.model_validate_json((world_dir / RECORD).read_bytes())


def save(world_dir: Path, config: WorldConfig, state: State) -> None:
    """Write the state; the previous one stays valid until the new one is complete.

    The arrays' file is a line of JSON with their types and shapes, then their bytes: NumPy's own
    formats took four times as long for this many arrays.
    """
    arrays = [*_arrays(state), state.log_rates]
    name = f"state-{state.counts.days:05}.arrays"
    header = json.dumps([(array.dtype.str, array.shape) for array in arrays])
    content = b"".join([header.encode(), b"\n", *(array.tobytes() for array in arrays)])
    write_atomically(world_dir / name, content, durable=False)
    record = Record(config=config, counts=state.counts, arrays=name)
    content = record.model_dump_json(indent=1).encode()
    write_atomically(world_dir / RECORD, content, durable=False)
    for old in world_dir.glob("state-*.arrays"):
        if old.name != name:
            old.unlink()


def load(world_dir: Path) -> tuple[WorldConfig, State]:
    """Read the state that `save` wrote."""
    record = read_record(world_dir)
    header, content = (world_dir / record.arrays).read_bytes().split(b"\n", 1)
    arrays, place = [], 0
    for kind, shape in json.loads(header):
        array = np.frombuffer(content, kind, int(np.prod(shape)), place)
        arrays.append(array.reshape(shape))
        place += array.nbytes
    parts = iter(arrays)

    def columns(kind: type[Any]) -> Any:
        return kind(*(next(parts) for _ in fields(kind)))

    people = Population(columns(Customers), columns(Terminals))
    waiting, reports = columns(Deliveries), columns(Reports)
    return record.config, State(record.counts, people, next(parts), waiting, reports)


def _arrays(state: State) -> list[Array]:
    """The arrays of all columns, in the order in which `load` reads them."""
    people = state.people
    parts: tuple[Columns, ...] = (people.customers, people.terminals, state.waiting, state.reports)
    return [array for part in parts for array in part.arrays().values()]
