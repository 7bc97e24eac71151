"""The values of declared groups (`spec.data.Group`) for rows: segments, and fairness by group.

Groups are for evaluation and never become features. Any relation with a key, the entities and a
time works: test rows of a training set, or scored rows in monitoring.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from lakehouse.lake import qualified, quote
from lakehouse.models.errors import TrainingError
from lakehouse.models.spec import Group

MISSING = "missing"
"""The group of rows without a value that was known in time."""


def group_query(
    group: Group, relation: str, *, key: str, spine_key: str, time: str = "event_time"
) -> tuple[str, list[object]]:
    """SQL for `key` and `value` (a text) of each row of `relation`, and its parameters.

    `relation` is SQL (a quoted table, for example) with columns `key`, `time` and `group.entity`; a
    table without entity is joined by its column `spine_key`. In a history, the latest version with
    `known_at` before the row's time counts.
    """
    table, column = qualified(group.table), quote(group.column)
    if group.entity:
        entity = quote(group.entity)
        # two versions with the same known-at: the greater value makes the choice repeatable
        source = f"""ASOF LEFT JOIN (
            SELECT {entity}, known_at, max({column}) AS value FROM {table} GROUP BY ALL
        ) g ON g.{entity} = s.{entity} AND g.known_at < s.{quote(time)}"""
        value = "g.value"
    else:
        source = f"LEFT JOIN {table} g ON g.{quote(spine_key)} = s.{quote(key)}"
        value = f"g.{column}"
    if group.age:
        value = f"year(s.{quote(time)}) - {value}"
    value_sql, bound = _bands(group.bins) if group.bins else ("CAST(value AS VARCHAR)", [])
    return (
        f"SELECT key, coalesce({value_sql}, ?) AS value "
        f"FROM (SELECT s.{quote(key)} AS key, {value} AS value FROM {relation} s {source})",
        [*bound, MISSING],
    )


def group_values(
    cursor: duckdb.DuckDBPyConnection,
    groups: Mapping[str, Group],
    relation: str,
    *,
    key: str,
    spine_key: str,
    time: str = "event_time",
) -> dict[str, npt.NDArray[Any]]:
    """The group of each row of `relation` as text, by group name, ordered by key.

    Raises:
        TrainingError: for a missing table or column, or a table with repeated keys.
    """
    count = cursor.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
    found = {}
    for name, group in groups.items():
        query, bound = group_query(group, relation, key=key, spine_key=spine_key, time=time)
        try:
            rows = cursor.execute(f"{query} ORDER BY key", bound).fetchnumpy()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise TrainingError(
                f"group {name} cannot be read from {group.table}: {error}"
            ) from error
        if len(rows["key"]) != count:
            raise TrainingError(
                f"group {name}: {group.table} has several rows for one {spine_key}; set "
                "`entity` if it is a history"
            )
        found[name] = np.asarray(rows["value"], dtype=str)
    return found


def band_labels(bins: tuple[float, ...]) -> list[str]:
    """Names of the bands between lower bounds: `<30`, `30-49`, `50+` for integer bounds."""
    if all(bound == int(bound) for bound in bins):
        whole = [int(bound) for bound in bins]
        between = [f"{low}-{high - 1}" for low, high in pairwise(whole)]
        return [f"<{whole[0]}", *between, f"{whole[-1]}+"]
    return [f"<{bins[0]}", *(f"{low} to <{high}" for low, high in pairwise(bins)), f"{bins[-1]}+"]


def _bands(bins: tuple[float, ...]) -> tuple[str, list[object]]:
    first, *others = band_labels(bins)
    upwards = [*zip(bins, others, strict=True)][::-1]
    cases = " ".join("WHEN value >= ? THEN ?" for _ in upwards)
    bound: list[object] = [part for pair in upwards for part in pair]
    return f"CASE WHEN value IS NULL THEN NULL {cases} ELSE ? END", [*bound, first]
