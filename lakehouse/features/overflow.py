"""Finds the value that makes a window's total too large for its type."""

from collections.abc import Iterable

import duckdb

from lakehouse.features.inputs import Input
from lakehouse.features.ops import Total
from lakehouse.features.ops.totals import OVERFLOW_REMEDY


def describe_overflow(
    cursor: duckdb.DuckDBPyConnection, inputs: Iterable[tuple[Input, str]]
) -> str:
    """A sentence with the value farthest from zero that totals add up, and its row.

    `inputs` are read by the given queries; at least one of them has a total of a column.
    """
    found = []
    for one, query in inputs:
        for a in one.aggregates:
            if isinstance(a.op, Total) and a.value:
                value = f"v{list(one.values).index(a.value)}"
                where = f"c{one.conditions.index(a.where.sql)}" if a.where else "true"
                row = cursor.execute(
                    f"""SELECT {value}, e, k FROM ({query})
                        WHERE {where} AND {value} IS NOT NULL
                        ORDER BY abs(CAST({value} AS HUGEINT)) DESC, e, k LIMIT 1"""
                ).fetchone()
                found += [(a, *row)] if row else []
    extreme, value, entity, known_at = max(found, key=lambda row: abs(row[1]))
    names = [a.name for a, *_ in found if (a.table, a.value) == (extreme.table, extreme.value)]
    return (
        f"a total of {extreme.value} ({', '.join(names)}), or a deviation computed from it, does "
        f"not fit its type; the value farthest from zero is {value}, in the row of {extreme.table} "
        f"for entity {entity} known at {known_at}; {OVERFLOW_REMEDY}"
    )
