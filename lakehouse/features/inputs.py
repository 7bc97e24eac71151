"""The tables that a plan reads: an input for each use of a table, and how DuckDB reads it.

An input is found by a reference: the spine's entity, or another column that refers to a dimension.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from lakehouse.features.compile import Attribute, Plan, read_column
from lakehouse.features.expressions import Kind
from lakehouse.features.kernel import Ints
from lakehouse.features.ops import Aggregate
from lakehouse.features.values import encode
from lakehouse.features.windows import Source, find_aggregates, find_attributes
from lakehouse.lake import quote


def references_of(plan: Plan) -> list[str]:
    """The spine's columns that refer to inputs: the entity first."""
    return list(dict.fromkeys([plan.entity, *(a.by for a in plan.attributes)]))


@dataclass(frozen=True)
class Input:
    """The rows of a table that aggregates or attributes of one role read.

    They are read as the entity `e`, the time `k`, values `v0`, ... and conditions
    `c0`, ...
    """

    table: str
    time: str
    key: str
    """SQL of the column that a reference refers to."""
    reference: int
    """The position of that column in `references_of`."""
    aggregates: tuple[Aggregate, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    """Either of the two: attributes read all earlier rows."""

    @property
    def longest(self) -> int | None:
        """The longest window in microseconds; None for attributes."""
        return max((a.window.longest for a in self.aggregates), default=None)

    @cached_property
    def values(self) -> dict[str, Kind]:
        """The columns with values, and their kinds."""
        read = {a.value: a.value_kind for a in self.aggregates if a.value and a.value_kind}
        return read | {a.column: a.kind for a in self.attributes}

    @cached_property
    def conditions(self) -> list[str]:
        """The conditions of the aggregates, as SQL."""
        return list(dict.fromkeys(a.where.sql for a in self.aggregates if a.where))

    def types(self, entity: str) -> dict[str, str]:
        """The columns of `select` and their SQL types, given that of the entity."""
        return {
            "e": entity,
            "k": "TIMESTAMP",
            **{f"v{i}": str(kind) for i, kind in enumerate(self.values.values())},
            **{f"c{i}": "BOOLEAN" for i in range(len(self.conditions))},
        }

    def select(self, relation: str, first: int, last: int) -> str:
        """SQL for the rows that can count for spine rows from `first` to `last` (microseconds)."""
        time = quote(self.time)
        columns = [f"{self.key} AS e", f"{time} AS k"]
        columns += [
            f"{read_column(kind, column)} AS v{i}"
            for i, (column, kind) in enumerate(self.values.items())
        ]
        columns += [f"coalesce({sql}, false) AS c{i}" for i, sql in enumerate(self.conditions)]
        where = f"{time} < make_timestamp({last})"
        if self.longest is not None:
            where += f" AND {time} > make_timestamp({first - self.longest})"
        elif any(a.assumed for a in self.attributes):
            where = f"{time} IS NOT NULL"
        return f"SELECT {', '.join(columns)} FROM {relation} WHERE {where}"

    def find(
        self, groups: Ints, t: Ints, source: Source, executor: Executor
    ) -> dict[str, pa.ChunkedArray]:
        """The columns of aggregates and attributes, for rows that ask in the entity's order."""
        if self.aggregates:
            return find_aggregates(self.aggregates, groups, t, source, executor=executor)
        if self.reference == 0:
            return find_attributes(self.attributes, groups, t, source)
        order = np.lexsort((t, groups))
        back = np.empty_like(order)
        back[order] = np.arange(order.size)
        found = find_attributes(self.attributes, groups[order], t[order], source)
        return {name: column.take(back) for name, column in found.items()}

    def source(self, rows: pa.Table) -> Source:
        """Rows of `select` with their groups `g`, sorted by group and time, for the kernel."""
        return Source(
            rows["g"].to_numpy(),
            rows["k"].cast("int64").to_numpy(),
            {name: encode(rows[f"v{i}"]) for i, name in enumerate(self.values)},
            {sql: rows[f"c{i}"].to_numpy() for i, sql in enumerate(self.conditions)},
        )


def inputs_of(plan: Plan) -> list[Input]:
    """The inputs of a plan: one for each stream, and for each role of a dimension."""
    inputs = []
    for table in dict.fromkeys(a.table for a in plan.aggregates):
        aggregates = tuple(a for a in plan.aggregates if a.table == table)
        inputs.append(Input(table, "known_at", quote(plan.entity), 0, aggregates))
    references = references_of(plan)
    for role in dict.fromkeys(a.role for a in plan.attributes):
        attributes = tuple(a for a in plan.attributes if a.role == role)
        table, key, by = role
        # read as the column of the spine is, so that both have the same type
        sql = quote(key) if by == plan.entity else read_column(plan.row_columns[by], key)
        reference = references.index(by)
        inputs.append(Input(table, attributes[0].time, sql, reference, attributes=attributes))
    return inputs
