"""One feature set over many rows with little memory: time, memory, and what spills to disk.

`python -m tests.benchmarks.scale --lake DIR --rows 100000000` copies the transactions of a finished
lake with new customers and terminals until there are that many.
"""

import json
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click

from lakehouse.declarations.specs import find_specs
from lakehouse.features import FeatureSetSpec, compute, load_plan
from lakehouse.features.increments import BYTES_PER_ROW_AT_ONCE
from lakehouse.lake import Author, Lake
from lakehouse.settings import Settings, load_settings
from tests.benchmarks.processes import measure
from tests.benchmarks.worlds import settings_of
from tests.project import PROJECT

TABLE = "core.fct_transactions"
SET = "customer_spending"


def copy_rows(source: Path, target: Settings, rows: int) -> int:
    """Make a lake with at least `rows` copied transactions, unless it exists; returns how many."""
    with Lake(target) as lake:
        if lake.exists(TABLE):
            return lake.rows(TABLE)
        with Lake(settings_of(source), read_only=True) as original, original.reader() as cursor:
            transactions = cursor.execute(f"FROM {TABLE}").to_arrow_table()
        copies = -(-rows // len(transactions))
        moved = ", ".join(
            f"{column} + copy * 1000000000 AS {column}"
            for column in ("transaction_id", "customer_id", "terminal_id")
        )
        for copy in range(copies):
            with lake.writer(Author(TABLE, "")) as writer:
                writer.register("transactions", transactions)
                query = (
                    f"SELECT * REPLACE ({moved}) FROM transactions, (SELECT {copy}::BIGINT AS copy)"
                )
                exists = "INSERT INTO" if copy else "CREATE TABLE"
                writer.execute(f"{exists} lake.{TABLE} {'' if copy else 'AS '}{query}")
        return lake.rows(TABLE)


def run_set(settings: Settings) -> dict[str, float]:
    """Compute the set over all rows; seconds of wall and CPU, and the rows."""
    (spec,) = [
        one for one in find_specs("FeatureSet", FeatureSetSpec, PROJECT.defs_dir) if one.name == SET
    ]
    with Lake(settings, read_only=True) as lake, lake.cursor() as cursor:
        plan = load_plan(spec, cursor)
        wall, cpu = time.monotonic(), time.process_time()
        rows = compute(
            plan,
            cursor,
            bucket=settings.memory_bytes // BYTES_PER_ROW_AT_ONCE,
            on_rows=lambda n: click.echo(f"{time.monotonic() - wall:6.0f} s  {n:,} rows", err=True),
        )
        return {
            "rows": rows,
            "seconds": time.monotonic() - wall,
            "cpu": time.process_time() - cpu,
        }


class _Spill(threading.Thread):
    """The largest size of a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.megabytes, self.stopped = folder, 0.0, threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.5):
            size = sum(file.stat().st_size for file in self.folder.glob("**/*") if file.is_file())
            self.megabytes = max(self.megabytes, size / 1e6)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--lake", "source", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--rows", default=100_000_000, show_default=True)
@click.option("--memory", default="4GB", show_default=True, help="DuckDB's memory limit.")
@click.option("--keep", type=click.Path(path_type=Path), required=True, help="Folder of the copy.")
@click.option("--only-run", is_flag=True, hidden=True)
def main(source: Path, rows: int, memory: str, keep: Path, only_run: bool) -> None:
    """Compute a feature set over many rows; print time, memory and spill as JSON."""
    settings = load_settings({}, data_dir=keep, memory_limit=memory)
    if only_run:
        click.echo(json.dumps(run_set(settings)))
        return
    started = time.monotonic()
    copied = copy_rows(source, settings, rows)
    click.echo(f"{time.monotonic() - started:6.0f} s  {copied:,} rows copied", err=True)
    spill = _Spill(keep / "spill")
    spill.start()
    command: list[Any] = [sys.executable, "-m", "tests.benchmarks.scale", "--lake", source]
    command += ["--keep", keep, "--memory", memory, "--only-run"]
    found = measure(command)
    spill.stopped.set()
    figures = json.loads(found.output.strip().splitlines()[-1])
    figures |= {"peak_mb": round(found.peak_mb), "spill_mb": round(spill.megabytes)}
    click.echo(json.dumps(figures))
    shutil.rmtree(keep / "spill", ignore_errors=True)


if __name__ == "__main__":
    main()
