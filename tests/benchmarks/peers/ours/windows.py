"""Our window features: `... -m tests.benchmarks.peers.ours.windows TASK METHOD INPUT OUTPUT TIMES`.

Methods: `compute` in this process; `job`, a feature job that gets its rows as Arrow batches;
`jobs`, two processes with one thread and half of the entities each. All read the core tables from
Parquet and write Parquet, as the peers do.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.declarations.specs import find_specs
from lakehouse.features import FeatureJob, FeatureSetSpec, compute, load_plan, run
from tests.benchmarks.features import SPECS
from tests.benchmarks.peers.inputs import core_tables
from tests.benchmarks.peers.scripts.measured import measure, report
from tests.project import PROJECT

THREADS = 2
PROCESSES = 2


def specs(task: str) -> dict[str, FeatureSetSpec]:
    """The feature sets of a task, by the name of their result."""
    if task == "twelve":
        return SPECS
    found = find_specs("FeatureSet", FeatureSetSpec, PROJECT.defs_dir)
    return {spec.name: spec for spec in found if spec.name == task}


def open_tables(source: Path, threads: int) -> duckdb.DuckDBPyConnection:
    """A database with the core tables as views of Parquet: only needed columns are read."""
    db = duckdb.connect()
    db.execute("ATTACH ':memory:' AS lake; USE lake; CREATE SCHEMA core")
    db.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    db.execute(f"SET threads = {threads}")
    for table, file in core_tables(source).items():
        db.execute(f"CREATE VIEW lake.core.{table} AS FROM read_parquet('{file}')")
    return db


def by_compute(task: str, source: Path, target: Path) -> None:
    """`lakehouse.features.compute`."""
    with open_tables(source, THREADS) as db:
        for name, spec in specs(task).items():
            db.execute("DROP TABLE IF EXISTS temp._features")
            compute(load_plan(spec, db), db)
            db.execute(f"COPY temp._features TO '{target}/{name}.parquet'")


def by_job(task: str, source: Path, target: Path, part: int = 0, parts: int = 1) -> None:
    """`lakehouse.features.run`, for the entities of one part."""
    threads = THREADS if parts == 1 else 1
    with open_tables(source, threads) as db:
        for name, spec in specs(task).items():
            job = FeatureJob.of(load_plan(spec, db), db)

            def batches(job: FeatureJob = job) -> Iterator[tuple[str, pa.RecordBatch]]:
                for read in job.reads(db):
                    mine = (
                        f" WHERE hash(e) % {parts} = {part}" if parts > 1 and read.by_entity else ""
                    )
                    query = f"SELECT * FROM ({read.sql}){mine}"
                    for batch in db.execute(query, read.parameters).to_arrow_reader(100_000):
                        yield read.name, batch

            writer = None
            for batch in run(job, batches(), memory_limit="4GB", threads=threads, bucket=1_000_000):
                if writer is None:
                    writer = pq.ParquetWriter(target / f"{name}-{part}.parquet", batch.schema)
                writer.write_batch(batch)
            if writer:
                writer.close()


def by_jobs(task: str, source: Path, target: Path) -> None:
    """A process for each part."""
    module = "tests.benchmarks.peers.ours.windows"
    started = [
        subprocess.Popen([
            sys.executable, "-m", module, task, f"part{part}", str(source), str(target), "1",
        ]) for part in range(PROCESSES)
    ]  # fmt: skip
    codes = [process.wait() for process in started]
    if any(codes):
        raise SystemExit(f"a part failed: {codes}")


METHODS: dict[str, Callable[[str, Path, Path], None]] = {
    "compute": by_compute,
    "job": by_job,
    "jobs": by_jobs,
}


def main(task: str, method: str, source: Path, target: Path, times: int) -> None:
    """Measure a method; a part of `jobs` is only run."""
    if method.startswith("part"):
        by_job(task, source, target, int(method.removeprefix("part")), PROCESSES)
        return
    measured = measure(lambda: METHODS[method](task, source, target), times)
    report(**measured, versions={n: version(n) for n in ("duckdb", "numpy")}, threads=THREADS)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
