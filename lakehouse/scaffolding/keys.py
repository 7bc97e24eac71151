"""The key of a source: columns whose values are never missing and differ from row to row."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lakehouse.scaffolding.profile import Column
from lakehouse.scaffolding.samples import Sample

_MOST_TRIED = 9
"""Columns of which combinations are tried."""
_LONGEST = 3
_FEWEST, _ENOUGH = 3, 20
"""Rows in which the values of a column rarely all differ by chance."""
_PART = ("line", "row", "seq", "sequence", "position", "item", "sku", "product", "stock")
_TIMES = ("DATE", "TIMESTAMP")


@dataclass(frozen=True)
class Key:
    """The columns of the key, empty if there is none, and the evidence in a sentence."""

    columns: tuple[str, ...]
    evidence: str


def find_key(sample: Sample, columns: Sequence[Column]) -> Key:
    """The shortest key with the most telling names."""
    fit = [column for column in columns if _may_identify(column)]
    ranked = sorted(fit, key=_rank)
    rows = sample.rows
    unique = [column for column in ranked if column.distinct == rows]
    for column in unique:
        is_key = _rank(column) < 3 or rows >= _ENOUGH
        if is_key or (column is columns[0] and _is_lookup(columns, rows)):
            few = "" if is_key else ", which few rows show: check that none comes back"
            return Key(
                (column.name,),
                f"{column.name} is the key: {column.distinct:,} of {rows:,} values differ{few}",
            )
    for names in _combinations([column for column in ranked if column not in unique], rows):
        chosen = [column.origin for column in columns if column.name in names]
        if _count_distinct(sample, chosen) == rows:
            key = tuple(column.name for column in columns if column.name in names)
            return Key(
                key,
                f"{', '.join(key)} are the key: {rows:,} of {rows:,} combinations differ, and "
                f"no shorter one does{_by_chance(unique, rows)}",
            )
    repeated = rows - _count_distinct(sample, [column.origin for column in columns])
    why = f"{repeated:,} of {rows:,} rows repeat another one exactly" if repeated else ""
    why = why or f"no combination of up to {_LONGEST} columns differs in {rows:,} rows"
    return Key((), why + _by_chance(unique, rows))


def _is_lookup(columns: Sequence[Column], rows: int) -> bool:
    """Whether these look like a table of a few codes and their texts."""
    return rows >= _FEWEST and all(column.type in ("VARCHAR", "BOOLEAN") for column in columns)


def _by_chance(unique: Sequence[Column], rows: int) -> str:
    names = ", ".join(column.name for column in unique)
    return f", but for {names}, which may be chance in {rows:,} rows" if names else ""


def _may_identify(column: Column) -> bool:
    if column.missing or column.is_birth or column.distinct == 0:
        return False
    return column.type in ("BIGINT", "VARCHAR", *_TIMES)


def _rank(column: Column) -> int:
    """0 for the likeliest: its own id, an id, a part of one, a number or text, a time."""
    if column.name in ("id", "uuid", "key"):
        return 0
    if column.is_id:
        return 1
    if set(column.words) & {*_PART}:
        return 2
    return 4 if column.type in _TIMES else 3


def _combinations(ranked: Sequence[Column], rows: int) -> Iterator[frozenset[str]]:
    """Sets of columns that can have enough different values, the likeliest first."""
    tried = [column for column in ranked if column.distinct > 1][:_MOST_TRIED]
    for length in range(2, _LONGEST + 1):
        found = []
        for group in itertools.combinations(tried, length):
            room = 1
            for column in group:
                room *= column.distinct
            if room >= rows:
                found.append(group)
        found.sort(key=lambda group: sum(map(_rank, group)))
        yield from (frozenset(column.name for column in group) for group in found)


def _count_distinct(sample: Sample, origins: Sequence[str]) -> int:
    import pyarrow as pa

    names = [f"c{number}" for number in range(len(origins))]
    table = pa.table([sample.texts(origin) for origin in origins], names=names)
    return int(table.group_by(names).aggregate([]).num_rows)
