"""The values of declared groups (`spec.data.Group`) for rows: segments, and fairness by group.

Groups are for evaluation and never become features. Any relation with a key, the entities and a
time works: test rows of a training set, or scored rows in monitoring.
"""

from collections.abc import Mapping, Sequence
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
    groups: Sequence[Group], relation: str, *, key: str, spine_key: str, time: str = "event_time"
) -> tuple[str, list[object]]:
    """SQL for the key and the texts of groups for each row of `relation`, and its parameters.

    The groups have the same table and entity, which is joined once. `relation` is SQL (a quoted
    table, for example) with columns `key`, `time` and the entity; a table without entity is joined
    by its column `spine_key`. In a history, the latest version with `known_at` before the row's
    time counts.
    """
    first = groups[0]
    table, at = qualified(first.table), f"s.{quote(time)}"
    if first.entity:
        entity = quote(first.entity)
        columns = dict.fromkeys(quote(group.column) for group in groups)
        # two versions with the same known-at: the greater value makes the choice repeatable
        greatest = ", ".join(f"max({column}) AS {column}" for column in columns)
        source = f"""ASOF LEFT JOIN (
            SELECT {entity} AS _entity, known_at AS _known_at, {greatest} FROM {table} GROUP BY 1, 2
        ) g ON g._entity = s.{entity} AND g._known_at < {at}"""
    else:
        source = f"LEFT JOIN {table} g ON g.{quote(spine_key)} = s.{quote(key)}"
    values, bound = [], list[object]()
    for group in groups:
        value = f"g.{quote(group.column)}"
        text, given = _text(f"year({at}) - {value}" if group.age else value, group.bins)
        values.append(f"coalesce({text}, ?)")
        bound += [*given, MISSING]
    return f"SELECT s.{quote(key)}, {', '.join(values)} FROM {relation} s {source}", bound


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
    by_join: dict[tuple[str, str], dict[str, Group]] = {}
    for name, group in groups.items():
        by_join.setdefault((group.table, group.entity), {})[name] = group
    found = {}
    for (table, _), joined in by_join.items():
        names = ", ".join(joined)
        query, bound = group_query(
            list(joined.values()), relation, key=key, spine_key=spine_key, time=time
        )
        try:
            rows = cursor.execute(f"{query} ORDER BY 1", bound).to_arrow_table()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise TrainingError(f"group {names} cannot be read from {table}: {error}") from error
        if len(rows) != count:
            raise TrainingError(
                f"group {names}: {table} has several rows for one {spine_key}; set "
                "`entity` if it is a history"
            )
        for name, texts in zip(joined, rows.columns[1:], strict=True):
            found[name] = np.asarray(texts.to_numpy(), dtype=str)
    return {name: found[name] for name in groups}


def band_labels(bins: tuple[float, ...]) -> list[str]:
    """Names of the bands between lower bounds: `<30`, `30-49`, `50+` for integer bounds."""
    if all(bound == int(bound) for bound in bins):
        whole = [int(bound) for bound in bins]
        between = [f"{low}-{high - 1}" for low, high in pairwise(whole)]
        return [f"<{whole[0]}", *between, f"{whole[-1]}+"]
    return [f"<{bins[0]}", *(f"{low} to <{high}" for low, high in pairwise(bins)), f"{bins[-1]}+"]


def _text(value: str, bins: tuple[float, ...]) -> tuple[str, list[object]]:
    """SQL for the text of a value, or of its band; NULL stays. And its parameters."""
    if not bins:
        return f"CAST({value} AS VARCHAR)", []
    first, *others = band_labels(bins)
    upwards = [*zip(bins, others, strict=True)][::-1]
    cases = " ".join(f"WHEN {value} >= ? THEN ?" for _ in upwards)
    bound: list[object] = [part for pair in upwards for part in pair]
    return f"CASE WHEN {value} IS NULL THEN NULL {cases} ELSE ? END", [*bound, first]
