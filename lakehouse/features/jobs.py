"""A feature job: plain data that says what to compute, and a function that does it anywhere.

Whoever has the lake reads the rows with the job's queries; `run` needs only these rows. Rows may be
divided by entity among several runs: reads with `by_entity` by a hash of their column `e`, the
others go to each run.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from lakehouse.features.compile import Plan, plan, read_schema
from lakehouse.features.computation import (
    RESULT,
    as_of,
    compute_from,
    result_types,
    spine_query,
)
from lakehouse.features.expressions import FeatureError
from lakehouse.features.inputs import Input, inputs_of, references_of
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import quote

BATCH = 50_000
"""Rows of a batch of results."""

_SPINE, _TABLE = "spine", "_read_"


class Bounds(BaseModel):
    """Which spine rows: loads in (after, up_to] and times in [start, end); None is unbounded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: int | None = None
    up_to: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    def where(self, time: str) -> tuple[str, list[int | datetime]]:
        """SQL over the spine's table, whose time column is `time`, and its parameters."""
        conditions = {
            "_load_id > ?": self.after,
            "_load_id <= ?": self.up_to,
            f"{quote(time)} >= ?": self.start,
            f"{quote(time)} < ?": self.end,
        }
        given = {sql: value for sql, value in conditions.items() if value is not None}
        return " AND ".join(given) or "true", list(given.values())


@dataclass(frozen=True)
class Read:
    """A query over the lake whose rows a job needs under this name."""

    name: str
    sql: str
    parameters: tuple[int | datetime, ...]
    by_entity: bool
    """Whether a run needs only the rows of its entities (column `e`)."""


class FeatureJob(BaseModel):
    """The features of some spine rows of one set, as of one snapshot of the lake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    declaration: str
    """The feature set, as JSON."""
    spine: str
    tables: dict[str, dict[str, str]]
    """Columns and SQL types of the tables that the set reads."""
    version: str
    snapshot: int | None = None
    bounds: Bounds = Bounds()

    @classmethod
    def of(
        cls,
        compiled: Plan,
        cursor: duckdb.DuckDBPyConnection,
        *,
        snapshot: int | None = None,
        bounds: Bounds | None = None,
    ) -> "FeatureJob":
        """The job of a plan, which was compiled against the tables of `cursor`'s lake."""
        return cls(
            declaration=compiled.spec.model_dump_json(),
            spine=compiled.spine.name,
            tables=read_schema(cursor, {compiled.spine.table, *compiled.inputs}),
            version=compiled.version,
            snapshot=snapshot,
            bounds=bounds or Bounds(),
        )

    def plan(self) -> Plan:
        """Compile the set.

        Raises:
            FeatureError: when this release would compute other values than the one that made it.
        """
        compiled = plan(
            FeatureSetSpec.model_validate_json(self.declaration), self.tables, self.spine
        )
        if compiled.version != self.version:
            raise FeatureError(
                f"feature set {compiled.spec.name}: the job is for version {self.version}, and "
                f"this release computes {compiled.version}; install the same release everywhere"
            )
        return compiled

    def reads(self, cursor: duckdb.DuckDBPyConnection) -> list[Read]:
        """The queries for the job's rows: the spine, then each input. Empty without spine rows."""
        compiled = self.plan()
        time = compiled.spine.time
        where, parameters = self.bounds.where(time)
        spine = f"{as_of(compiled.spine.table, self.snapshot)} WHERE {where}"
        first, last = cursor.execute(
            f"SELECT epoch_us(min({quote(time)})), epoch_us(max({quote(time)})) FROM {spine}",
            parameters,
        ).fetchall()[0]
        if first is None:
            return []
        rows = spine_query(compiled, spine, compiled.spine_columns)
        return [
            Read(_SPINE, rows, tuple(parameters), by_entity=True),
            *(
                Read(
                    name,
                    one.select(as_of(one.table, self.snapshot), first, last),
                    (),
                    by_entity=one.reference == 0,
                )
                for name, one in _inputs(compiled).items()
            ),
        ]


def run(
    job: FeatureJob,
    batches: Iterable[tuple[str, pa.RecordBatch]],
    *,
    memory_limit: str = "1GB",
    threads: int = 1,
    bucket: int = 250_000,
) -> Iterator[pa.RecordBatch]:
    """The features of the rows in `batches`, which come in any order, each with its read's name.

    Yields batches with the columns of `result_types`.

    Raises:
        FeatureError: as `compute` does.
    """
    compiled = job.plan()
    with duckdb.connect(config={"memory_limit": memory_limit, "threads": threads}) as db:
        db.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        types = _types(compiled)
        for name, columns in types.items():
            listed = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
            db.execute(f"CREATE TEMP TABLE {_TABLE}{name} ({listed})")
        for name, batch in batches:
            if name not in types:
                raise FeatureError(f"the job reads {', '.join(types)}, not {name!r}")
            db.register("_batch", pa.Table.from_batches([batch]))
            db.execute(f"INSERT INTO {_TABLE}{name} BY NAME FROM _batch")
        inputs = [(one, f"SELECT * FROM {_TABLE}{name}") for name, one in _inputs(compiled).items()]
        compute_from(
            compiled, db, f"SELECT * FROM {_TABLE}{_SPINE}", lambda *_: inputs, bucket=bucket
        )
        selected = ", ".join(map(quote, result_types(compiled)))
        yield from db.execute(f"SELECT {selected} FROM temp.main.{RESULT}").to_arrow_reader(BATCH)


def _inputs(compiled: Plan) -> dict[str, Input]:
    """The inputs by the names of their reads."""
    return {f"input{i}": one for i, one in enumerate(inputs_of(compiled))}


def _types(compiled: Plan) -> dict[str, dict[str, str]]:
    """The columns of each read, and their SQL types."""
    contract = compiled.contract[compiled.spine.table]
    spine = {
        "id": contract[compiled.spine.key],
        "e": contract[compiled.entity],
        "t": "TIMESTAMP",
        "load_id": "BIGINT",
        **{f"row.{column}": str(kind) for column, kind in compiled.row_columns.items()},
    }
    references = references_of(compiled)
    return {
        _SPINE: spine,
        **{
            name: one.types(contract[references[one.reference]])
            for name, one in _inputs(compiled).items()
        },
    }
