"""Window features: the same columns from the same rows by ours and by each peer."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.benchmarks.peers.by_hand import statements
from tests.benchmarks.peers.comparison import Comparison, compare
from tests.benchmarks.peers.environments import InstallFailed, environment
from tests.benchmarks.peers.measurement import SCRIPTS, NoFigures, Outcome, run_script
from tests.benchmarks.processes import CommandFailed

TIMEOUT = 1_800
DAY = ("2018-08-08", "2018-08-09")
"""The rows for which Feast is asked: its default store needs 12 GB for a week of them."""
TASKS = {
    "twelve": {"customer": "transaction_id", "terminal": "transaction_id"},
    "customer_activity": {"customer_activity": "customer_day_id"},
    "customer_spending": {"customer_spending": "transaction_id"},
    "terminal_risk": {"terminal_risk": "transaction_id"},
    "join": {"customer": "transaction_id"},
}
"""The tables of each task, and their keys."""
WINDOWS = ("twelve", "customer_activity", "customer_spending", "terminal_risk")
_IGNORED = frozenset({"event_time", "_load_id", "customer_id", "terminal_id"})
_REFERENCE = "ours"


@dataclass(frozen=True)
class Peer:
    """A peer, what it can be asked, and how it treats ties and late rows."""

    name: str
    environment: str
    """The name of its requirements; empty for this project."""
    script: tuple[str, ...]
    tasks: tuple[str, ...]
    times: int
    about: str


PEERS = (
    Peer(
        _REFERENCE, "", ("compute",), WINDOWS, 3,
        "Rows with equal times do not see each other, a late row counts from when it was known; "
        "both follow from the declaration.",
    ),
    Peer("ours-job", "", ("job",), WINDOWS, 3, "The same, with rows as Arrow batches."),
    Peer("ours-jobs", "", ("jobs",), WINDOWS, 3, "The same, in two processes of one thread."),
    Peer(
        "polars", "polars", ("polars_windows.py",), WINDOWS, 3,
        "`closed=\"none\"` excludes ties; a late row needs a union of events and rows that ask, "
        "written by hand.",
    ),
    Peer(
        "pandas", "pandas", ("pandas_windows.py",), WINDOWS, 1,
        "`closed=\"neither\"` excludes ties; the same union for late rows; doubles everywhere, and "
        "no discrete quantile but the median.",
    ),
    Peer(
        "duckdb", "duckdb", ("duckdb_windows.py",), (*WINDOWS, "join"), 3,
        "Frames that end 1 us before the row exclude ties; late rows by a union or a join, "
        "written by hand. The join is ASOF.",
    ),
    Peer(
        "spark", "spark", ("spark_windows.py",), WINDOWS, 1,
        "As DuckDB; quantiles and distinct counts from collected arrays, as Spark has neither in "
        "a frame.",
    ),
    Peer(
        "feast-dask", "feast", ("feast_join.py", "dask"), ("join",), 1,
        "Joins rows that others computed, at or before the time: a row at the very time is seen. "
        "Its default store pairs every row with the whole history of its entity, and of two rows "
        "that ask for one entity at one time it returns one.",
    ),
    Peer(
        "feast-duckdb", "feast", ("feast_join.py", "duckdb"), ("join",), 1,
        "The same join by the DuckDB store.",
    ),
)  # fmt: skip
FEAST_CANNOT = "Feast computes no windows over local files, it joins rows that others computed"


@dataclass(frozen=True)
class Folders:
    """Where the rows of each task are, and where results go."""

    rows: Path
    results: Path

    def source(self, task: str) -> Path:
        """The files that a task reads."""
        return self.rows / {"twelve": "handbook", "join": "join"}.get(task, "lake")

    def target(self, peer: str, task: str) -> Path:
        """The results of a peer."""
        return self.results / task / peer


def windows(
    folders: Folders,
    chosen: Callable[[str], bool],
    on_progress: Callable[[str], None],
    tasks: Collection[str] = tuple(TASKS),
) -> Iterator[tuple[str, Outcome]]:
    """Task and outcome of each chosen peer; those that cannot express a task have the reason."""
    for task in tasks:
        if task == "join":
            _write_join(folders)
        for peer in PEERS:
            if not chosen(peer.name):
                continue
            if task not in peer.tasks:
                if task != "join" and peer.environment == "feast":
                    yield task, Outcome(peer.name, FEAST_CANNOT)
                continue
            outcome = _measure(peer, task, folders)
            on_progress(f"{task}, {peer.name}: {outcome.describe()}")
            yield task, outcome


def _measure(peer: Peer, task: str, folders: Folders) -> Outcome:
    if peer.name != _REFERENCE:
        _require_reference(task, folders)
    try:
        figures = _run(peer, task, folders, peer.times)
    except (InstallFailed, CommandFailed, NoFigures, subprocess.TimeoutExpired) as error:
        return Outcome(peer.name, f"{type(error).__name__}: {error}")
    compared = None if peer.name == _REFERENCE else _compare(peer, task, folders)
    return Outcome(peer.name, figures=figures | {"about": peer.about}, comparison=compared)


def _run(peer: Peer, task: str, folders: Folders, times: int) -> dict[str, Any]:
    source, target = folders.source(task), folders.target(peer.name, task)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    last: tuple[str | Path, ...] = (source, target, str(times))
    if not peer.environment:
        module = "tests.benchmarks.peers.ours.windows"
        return run_script([sys.executable, "-m", module, task, *peer.script, *last], TIMEOUT)
    python = environment(peer.environment)
    script, *arguments = peer.script
    if peer.name == "duckdb":
        file = folders.rows / f"{task}.json"
        file.write_text(json.dumps(statements(task)))
        arguments = [str(file)]
    elif task != "join":
        arguments = [task]
    return run_script([python, SCRIPTS / script, *arguments, *last], TIMEOUT)


def _require_reference(task: str, folders: Folders) -> None:
    """Compute our values, if nobody did in this folder."""
    task = "twelve" if task == "join" else task
    tables = folders.target(_REFERENCE, task)
    if not all((tables / f"{table}.parquet").exists() for table in TASKS[task]):
        _run(PEERS[0], task, folders, 1)


def _compare(peer: Peer, task: str, folders: Folders) -> Comparison:
    """The comparison of the first table that differs, or of the last."""
    reference = folders.target(_REFERENCE, "twelve" if task == "join" else task)
    found = None
    for table, key in TASKS[task].items():
        ours = reference / f"{table}.parquet"
        if task == "join":
            ours = folders.rows / "join" / "expected.parquet"
        target = folders.target(peer.name, task)
        theirs = target / f"{table}.parquet"
        if not theirs.exists():
            theirs = target / table
            theirs.mkdir(exist_ok=True)
            for part in target.glob(f"{table}-*.parquet"):
                part.rename(theirs / part.name)
        found = compare(ours, theirs, key, _IGNORED)
        if found.unmatched or found.differing:
            break
    assert found is not None
    return found


def _write_join(folders: Folders) -> None:
    """A day of rows that ask, our precomputed rows of all times, and what the join must give."""
    _require_reference("join", folders)
    target = folders.source("join")
    target.mkdir(parents=True, exist_ok=True)
    table = folders.target(_REFERENCE, "twelve") / "customer.parquet"
    day = f"event_time >= '{DAY[0]}' AND event_time < '{DAY[1]}'"
    with duckdb.connect() as db:
        for name, query in {
            "spine": "SELECT transaction_id, customer_id, event_time AS event_timestamp "
            f"FROM rows WHERE {day}",
            "features": "SELECT * EXCLUDE (transaction_id, event_time, _load_id), "
            "event_time AS event_timestamp FROM rows",
            "expected": f"FROM rows WHERE {day}",
        }.items():
            db.execute(
                f"COPY (WITH rows AS (FROM read_parquet('{table}') ORDER BY event_time) {query}) "
                f"TO '{target}/{name}.parquet'"
            )
