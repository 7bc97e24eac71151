"""SQL for labels: one row per spine key with the label's value and the time it became known.

Pure functions build the SQL text; `complete_until` reads up to when labels are complete.
"""

from datetime import datetime

import duckdb

from lakehouse.declarations.durations import microseconds
from lakehouse.lake import fetch_value, qualified, quote, read_progress
from lakehouse.models.spec import Forward, ModelSpec, Settled

NAIVE_FORECASTS = ("naive_last", "naive_season", "naive_mean")
"""Columns in addition to a forward label: the same window just before t, the one four weeks before
it, and the entity's mean per horizon over at most the last 26 weeks (since its first row)."""

_SEASON_US = 28 * 86_400 * 1_000_000
_MEMORY_US = 182 * 86_400 * 1_000_000


def label_columns(spec: ModelSpec) -> tuple[str, ...]:
    """The columns that the label query returns in addition to `key`."""
    naive = NAIVE_FORECASTS if isinstance(spec.label, Forward) else ()
    return ("label_known_at", "label", *naive)


def label_name(spec: ModelSpec) -> str:
    """The label's name in errors: `schema.table.column`, or what is summed or counted."""
    if isinstance(spec.label, Settled):
        return f"{spec.label.table}.{spec.label.column}"
    return f"{spec.label.op} of {spec.label.stream}" + (
        f".{spec.label.value}" if spec.label.value else ""
    )


def label_query(spec: ModelSpec) -> str:
    """The defined labels for the relation `spine` (columns of the spine table)."""
    if isinstance(spec.label, Settled):
        return _settled_query(spec, spec.label)
    return _forward_query(spec, spec.label)


def label_type(spec: ModelSpec) -> str:
    """SQL type of the label in training sets."""
    return spec.task.label_type


def _settled_query(spec: ModelSpec, label: Settled) -> str:
    return f"""
SELECT {quote(label.key or spec.spine.key)} AS key,
       {quote(label.known_at)} AS label_known_at,
       CAST({quote(label.column)} AS {label_type(spec)}) AS label
FROM {qualified(label.table)}
WHERE {quote(label.column)} IS NOT NULL"""


def _forward_query(spec: ModelSpec, label: Forward) -> str:
    horizon = microseconds(label.horizon)
    total = "sum(amount)" if label.op == "sum" else "count(amount)"
    value = quote(label.value) if label.op == "sum" else "1"

    def window(start: int, end: int) -> str:
        """Rows with start <= known_at - t < end, in microseconds relative to t."""
        return f"RANGE BETWEEN {_bound(start)} AND {_bound(end - 1)}"

    def result(number: str) -> str:
        """The number itself, or whether it is large enough."""
        condition = "" if label.at_least is None else f" >= {label.at_least:f}"
        return f"CAST({number}{condition} AS DOUBLE)"

    mean = f"""CAST(coalesce(past, 0) AS DOUBLE) * {horizon}
         / greatest({horizon}, least({_MEMORY_US}, moment - beginning))"""
    return f"""
SELECT key,
       make_timestamp(moment + {horizon} - 1) AS label_known_at,
       {result("coalesce(following, 0)")} AS label,
       {result("coalesce(before, 0)")} AS naive_last,
       {result("coalesce(season, 0)")} AS naive_season,
       {result(mean)} AS naive_mean
FROM (
  SELECT key, moment,
         {total} OVER (entities {window(0, horizon)}) AS following,
         {total} OVER (entities {window(-horizon, 0)}) AS before,
         {total} OVER (entities {window(-_SEASON_US, horizon - _SEASON_US)}) AS season,
         {total} OVER (entities {window(-_MEMORY_US, 0)}) AS past,
         min(happened) OVER (entities RANGE UNBOUNDED PRECEDING) AS beginning
  FROM (
    SELECT {quote(label.entity)} AS entity, epoch_us({quote(label.known_at)}) AS moment,
           moment AS happened, {value} AS amount, NULL AS key
    FROM {qualified(label.stream)}
    UNION ALL
    SELECT {quote(label.entity)}, epoch_us({quote(spec.spine.time)}), NULL, NULL,
           {quote(spec.spine.key)}
    FROM spine
  )
  WINDOW entities AS (PARTITION BY entity ORDER BY moment)
)
WHERE key IS NOT NULL"""


def _bound(offset: int) -> str:
    side = "PRECEDING" if offset < 0 else "FOLLOWING"
    return f"{abs(offset)} {side}"


def complete_until(cursor: duckdb.DuckDBPyConnection, table: str, known_at: str) -> datetime | None:
    """The time up to which `table` is complete: its seal, or else its newest row's known-at."""
    seal = read_progress(cursor, table).seal
    newest = fetch_value(cursor, f"SELECT max({quote(known_at)}) FROM {qualified(table)}")
    complete: datetime | None = seal if seal is not None and newest is not None else newest
    return complete
