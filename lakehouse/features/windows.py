"""The windows and attributes of rows that ask, as columns of Arrow, from sorted sources.

Knows neither SQL nor the lake. Rows that ask are sorted by group (one for each entity) and time.
Each group of a source is also a group of the rows that ask, which may have more.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa

from lakehouse.features import kernel
from lakehouse.features.compile import Attribute
from lakehouse.features.expressions import Kind
from lakehouse.features.kernel import Bools, Ints
from lakehouse.features.ops import Aggregate, Lane
from lakehouse.features.ops.lane import at
from lakehouse.features.values import Column, integers

PIECE = 32_768
"""Asking rows that are processed together, so that their columns fit a core's cache."""


@dataclass(frozen=True)
class Source:
    """Rows of a table, sorted by group and time; times are microseconds since 1970 (UTC)."""

    groups: Ints
    times: Ints
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Values, by the name of the column."""
    conditions: Mapping[str, Bools] = field(default_factory=dict)
    """Whether a condition is true, by its SQL."""


def find_aggregates(
    aggregates: Sequence[Aggregate],
    groups: Ints,
    t: Ints,
    source: Source,
    *,
    executor: Executor | None = None,
    piece: int = PIECE,
) -> dict[str, pa.ChunkedArray]:
    """Columns of aggregates, which all read `source`, by name.

    One of 128 bits has two columns, `<name>.high` and `<name>.low`.

    Raises:
        OverflowError: when a total does not fit in its type.
    """
    longest = max(a.window.longest for a in aggregates)
    cuts = [*range(0, t.size, piece), t.size]

    def evaluate(cut: tuple[int, int]) -> dict[str, pa.Array]:
        chosen = slice(*cut)
        lanes = _Lanes(groups[chosen], t[chosen], source, longest)
        found: dict[str, pa.Array] = {}
        for a in aggregates:
            found |= _columns(a, source, lanes.lane(a.value, a.where.sql if a.where else None))
        return found

    parts = list((executor.map if executor else map)(evaluate, pairwise(cuts)))
    return {name: pa.chunked_array([part[name] for part in parts]) for name in parts[0]}


def _columns(a: Aggregate, source: Source, lane: Lane) -> dict[str, pa.Array]:
    values, valid = a.op.evaluate(a, lane)
    if a.kind == Kind.WIDE:
        high, low = values
        return {
            f"{a.name}.high": integers(high, valid),
            f"{a.name}.low": integers(low, valid).view("uint64"),
        }
    if a.op.kind is None:
        assert a.value is not None
        return {a.name: source.columns[a.value].decode(values, valid)}
    return {a.name: integers(values, valid)}


class _Lanes:
    """The lanes of some asking rows, each made once."""

    def __init__(self, groups: Ints, t: Ints, source: Source, longest: int) -> None:
        self.asking, self.t = _edges(groups), t
        start = _starts(source, groups[self.asking[:-1]])
        # of the first and the last group only the rows that can count for these asking rows
        times = source.times
        earliest = max(int(t[0]) - longest, np.iinfo(np.int64).min)
        start[0] += np.searchsorted(times[start[0] : start[1]], earliest, side="right")
        start[-1] = start[-2] + np.searchsorted(times[start[-2] : start[-1]], t[-1], side="left")
        self.cut = slice(int(start[0]), int(start[-1]))
        self.start = start - start[0]
        self.source = source
        self.made: dict[tuple[str | None, str | None], Lane] = {}

    def lane(self, value: str | None, condition: str | None) -> Lane:
        """The rows with a value (if one is read) that meet the condition."""
        if (value, condition) not in self.made:
            self.made[value, condition] = self._make(value, condition)
        return self.made[value, condition]

    def _make(self, value: str | None, condition: str | None) -> Lane:
        column = self.source.columns[value] if value else None
        start, times = self.start, self.source.times[self.cut]
        values = column.codes[self.cut] if column else times
        masks = [self.source.conditions[condition][self.cut]] if condition else []
        if column is not None and column.valid is not None:
            masks.append(column.valid[self.cut])
        if masks:
            mask = masks[0] & masks[-1]
            times, values = times[mask], values[mask]
            start = np.append(0, np.cumsum(mask))[start]
        unfiltered = self.lane(None, None) if condition else None
        return Lane(self.asking, self.t, start, times, values, unfiltered)


def find_attributes(
    attributes: Sequence[Attribute], groups: Ints, t: Ints, source: Source
) -> dict[str, pa.ChunkedArray]:
    """Columns of attributes of one role, by name: the latest version before t.

    Among versions of the same time the largest value counts.
    """
    asking = _edges(groups)
    start = _starts(source, groups[asking[:-1]])
    group = kernel.groups_of(asking)
    first, end = start[group], start[group + 1]
    after = kernel.first_after(asking, t - 1, start, source.times)
    latest = np.maximum(after - 1, first)
    found = {}
    for a in attributes:
        column = source.columns[a.column]
        is_known = (end > first) if a.assumed else (after > first)
        lowest = np.int64(np.iinfo(np.int64).min)
        codes = (
            column.codes if column.valid is None else np.where(column.valid, column.codes, lowest)
        )
        codes = kernel.greatest_of_ties(start, source.times, codes)
        if column.valid is not None:
            valid = kernel.greatest_of_ties(start, source.times, column.valid.astype(np.int64))
            is_known &= at(valid, latest) == 1
        found[a.name] = pa.chunked_array([column.decode(at(codes, latest), is_known)])
    return found


def _edges(groups: Ints) -> Ints:
    """The first row of each group, and the number of rows."""
    changes = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    return np.concatenate([[0], changes, [groups.size]]) if groups.size else np.zeros(1, np.int64)


def _starts(source: Source, groups: Ints) -> Ints:
    """The first row of each group in the source, and the end of the last group."""
    start = np.searchsorted(source.groups, groups)
    return np.append(start, np.searchsorted(source.groups, groups[-1:], side="right"))
