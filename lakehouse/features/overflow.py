"""Finds the value that makes a window's total too large for its type."""

from collections.abc import Iterable

import duckdb

from lakehouse.features.ops import Total
from lakehouse.features.ops.totals import OVERFLOW_REMEDY
from lakehouse.features.windows import Stream


def describe_overflow(cursor: duckdb.DuckDBPyConnection, streams: Iterable[Stream]) -> str:
    """A sentence with the value farthest from zero that totals of `streams` add up, and its row.

    Reads the temporary tables of `streams`, at least one of which adds up a column.
    """
    found = []
    for stream in streams:
        for a in stream.aggregates:
            if isinstance(a.op, Total) and a.value:
                columns = stream.columns(a)
                row = cursor.execute(
                    f"""SELECT {columns.value}, e, make_timestamp(_k) FROM {stream.rows}
                        WHERE {columns.row_filter} AND {columns.value} IS NOT NULL
                        ORDER BY abs(CAST({columns.value} AS HUGEINT)) DESC, e, _k LIMIT 1"""
                ).fetchone()
                found += [(a, *row)] if row else []
    extreme, value, entity, known_at = max(found, key=lambda row: abs(row[1]))
    names = [a.name for a, *_ in found if (a.table, a.value) == (extreme.table, extreme.value)]
    return (
        f"a total of {extreme.value} ({', '.join(names)}), or a deviation computed from it, does "
        f"not fit its type; the value farthest from zero is {value}, in the row of {extreme.table} "
        f"for entity {entity} known at {known_at}; {OVERFLOW_REMEDY}"
    )
