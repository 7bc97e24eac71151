"""Reads the spine and its inputs sorted by group and time, in buckets that fit in memory.

A bucket may begin or end within an entity, so a bucket bounds memory for an entity of any size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lakehouse.features.compile import Plan
from lakehouse.features.inputs import Input, references_of
from lakehouse.features.kernel import Ints
from lakehouse.features.windows import Source
from lakehouse.lake import quote

SPINE = "_spine"
"""The temporary table of the rows that ask: `id`, `e`, the time `t`, `load_id` and
`row.<column>`."""

_SORTED = "_sorted"


@dataclass(frozen=True)
class Bucket:
    """Some spine rows, and for each input the rows that can count for them.

    The columns `_g0`, `_g1`, ... are the groups by each reference; the rows are sorted by `_g0` and
    `t`.
    """

    rows: pa.Table
    sources: Sequence[tuple[Input, Source]]

    def groups(self, reference: int) -> Ints:
        """The group of each row by a reference."""
        groups: Ints = self.rows[f"_g{reference}"].to_numpy()
        return groups

    @property
    def t(self) -> Ints:
        """The time of each row, in microseconds."""
        t: Ints = self.rows["t"].cast("int64").to_numpy()
        return t


def read_buckets(
    plan: Plan,
    cursor: duckdb.DuckDBPyConnection,
    inputs: Sequence[tuple[Input, str]],
    count: int,
    size: int,
) -> Iterator[Bucket]:
    """The `count` rows of the spine, at most `size` at a time, with the rows of their inputs.

    `inputs` are read by the given queries. Several buckets are first sorted into temporary tables,
    which DuckDB keeps on disk if memory is short.
    """
    references = references_of(plan)
    spine = _number_groups(cursor, plan.entity, references, no_group=count + 1)
    queries = [
        f"SELECT g, s.* FROM ({sql}) s JOIN {_groups(one.reference)} USING (e)"
        for one, sql in inputs
    ]
    if count <= size:
        rows = _read(cursor, f"{spine} ORDER BY _g0, t")
        sources = zip(inputs, queries, strict=True)
        yield Bucket(rows, [(one, _source(cursor, one, sql)) for (one, _), sql in sources])
    else:
        tables = [f"_input{i}" for i in range(len(inputs))]
        _store(cursor, _SORTED, spine, "_g0, t")
        for table, query in zip(tables, queries, strict=True):
            _store(cursor, table, query, "g, k")
        for begin in range(0, count, size):
            part = f"FROM {_SORTED} WHERE rowid >= {begin} AND rowid < {begin + size}"
            bucket = Bucket(_read(cursor, f"{part} ORDER BY _g0, t"), [])
            sources = zip(inputs, tables, strict=True)
            found = [(one, _source(cursor, one, *_part(one, t, bucket))) for (one, _), t in sources]
            yield Bucket(bucket.rows, found)
        for table in (_SORTED, *tables):
            cursor.execute(f"DROP TABLE temp.main.{table}")
    for i in range(len(references)):
        cursor.execute(f"DROP TABLE temp.main.{_groups(i)}")


def _groups(reference: int) -> str:
    """The temporary table (e, g) with a number for each value of a reference."""
    return f"_groups{reference}"


def _number_groups(
    cursor: duckdb.DuckDBPyConnection, entity: str, references: Sequence[str], no_group: int
) -> str:
    """Make the tables of groups; returns SQL for the spine with the columns `_g0`, `_g1`, ...

    `no_group`, the group of rows without a reference, is the last one, and no input has it. It is
    not much larger than others, because DuckDB sorts numbers of few bits in half the time.
    """
    columns, joins = [], []
    for i, reference in enumerate(references):
        name = quote("e" if reference == entity else f"row.{reference}")
        values = f"SELECT DISTINCT {name} AS e FROM {SPINE} WHERE {name} IS NOT NULL"
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {_groups(i)} AS "
            f"SELECT e, row_number() OVER () AS g FROM ({values})"
        )
        columns.append(f"coalesce(g{i}.g, {no_group}) AS _g{i}")
        joins.append(f"LEFT JOIN {_groups(i)} g{i} ON g{i}.e = p.{name}")
    return f"SELECT p.*, {', '.join(columns)} FROM {SPINE} p {' '.join(joins)}"


def _store(cursor: duckdb.DuckDBPyConnection, table: str, query: str, order: str) -> None:
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query} ORDER BY {order}")


def _part(one: Input, table: str, bucket: Bucket) -> tuple[str, list[Any]]:
    """The rows of an input's table that can count for the rows of a bucket, as a query."""
    groups = bucket.groups(one.reference)
    if one.reference:
        wanted = np.unique(groups)
        return f"SELECT * FROM {table} WHERE g IN (SELECT unnest(?))", [wanted]
    known = bucket.rows.num_rows - bucket.rows["e"].null_count
    if not known:
        return f"SELECT * FROM {table} WHERE false", []
    first, last = int(groups[0]), int(groups[known - 1])
    query = f"SELECT * FROM {table} WHERE g >= {first} AND g <= {last}"
    if one.longest is not None:
        earliest, latest = int(bucket.t[0]) - one.longest, int(bucket.t[known - 1])
        query += f" AND (g > {first} OR k > make_timestamp({earliest}))"
        query += f" AND (g < {last} OR k < make_timestamp({latest}))"
    return query, []


def _source(
    cursor: duckdb.DuckDBPyConnection, one: Input, query: str, parameters: Sequence[Any] = ()
) -> Source:
    return one.source(_read(cursor, f"FROM ({query}) ORDER BY g, k", parameters))


def _read(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()
) -> pa.Table:
    return cursor.execute(query, parameters).to_arrow_table()
