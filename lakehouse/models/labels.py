"""SQL for labels: one row per spine key with the label's value and the time it became known.

Pure functions build the SQL text, from the types of the stream's columns if a condition reads them;
`complete_until` reads up to when labels are complete.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import duckdb

from lakehouse.declarations.durations import Months, longest, microseconds
from lakehouse.features import FeatureError
from lakehouse.features.compile import compile_condition
from lakehouse.lake import ALWAYS, fetch_value, qualified, quote, read_columns, read_progress
from lakehouse.models.errors import TrainingError
from lakehouse.models.spec import Forward, ModelSpec, Settled

NAIVE_FORECASTS = ("naive_last", "naive_season", "naive_mean")
"""Columns in addition to a forward label: the same window just before t, the one four weeks before
it (for a longer horizon eight, and so on, so that it ends by t), and the entity's mean per horizon
over at most the last 26 weeks (since its first row)."""

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
    value = f".{spec.label.value}" if spec.label.value else ""
    where = f" where {spec.label.where}" if spec.label.where else ""
    return f"{spec.label.op} of {spec.label.stream}{value}{where}"


def label_query(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> str:
    """The defined labels for the relation `spine` (columns of the spine table).

    Raises:
        TrainingError: when the condition of a forward label does not fit the stream's columns.
    """
    if isinstance(spec.label, Settled):
        return _settled_query(spec, spec.label)
    return _forward_query(spec, spec.label, condition_sql(cursor, spec, spec.label))


def condition_sql(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, label: Forward) -> str:
    """SQL for the condition of a forward label over rows of its stream; empty without one.

    Raises:
        TrainingError: when it does not fit the stream's columns.
    """
    if label.where is None:
        return ""
    columns = read_columns(cursor, label.stream)
    try:
        return compile_condition(label.where, label.stream, columns).sql
    except FeatureError as error:
        raise TrainingError(f"{spec.name}: `label.where`: {error}") from None


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


def _forward_query(spec: ModelSpec, label: Forward, condition: str) -> str:
    ahead, back = _lengths(label.horizon)
    season = -(-microseconds(longest(label.horizon)) // _SEASON_US) * _SEASON_US
    total = "sum(amount)" if label.op == "sum" else "count(amount)"
    value = quote(label.value) if label.op == "sum" else "1"
    if condition:  # other rows stay, without an amount: the entity is known since its first row
        value = f"CASE WHEN {condition} THEN {value} END"
    bound = Decimal(1) if label.op == "exists" else label.at_least
    known_at, time = f"epoch_us({quote(label.known_at)})", quote(spec.spine.time)

    def result(number: str) -> str:
        """The number itself, or whether it is large enough."""
        reached = "" if bound is None else f" >= {bound:f}"
        return f"CAST({number}{reached} AS DOUBLE)"

    mean = f"""CAST(coalesce(past, 0) AS DOUBLE) * ahead
         / greatest(ahead, least({_MEMORY_US}, moment - beginning))"""
    return f"""
SELECT key,
       make_timestamp(moment + ahead - 1) AS label_known_at,
       {result("coalesce(following, 0)")} AS label,
       {result("coalesce(before, 0)")} AS naive_last,
       {result("coalesce(season, 0)")} AS naive_season,
       {result(mean)} AS naive_mean
FROM (
  SELECT key, moment, ahead,
         {total} OVER (entities RANGE BETWEEN 0 FOLLOWING AND ahead - 1 FOLLOWING) AS following,
         {total} OVER (entities RANGE BETWEEN back PRECEDING AND 1 PRECEDING) AS before,
         {total} OVER (entities RANGE BETWEEN {season} PRECEDING
                       AND {season} - ahead + 1 PRECEDING) AS season,
         {total} OVER (entities RANGE BETWEEN {_MEMORY_US} PRECEDING AND 1 PRECEDING) AS past,
         min(happened) OVER (entities RANGE UNBOUNDED PRECEDING) AS beginning
  FROM (
    SELECT {quote(label.stream_entity)} AS entity, {known_at} AS moment,
           {known_at} AS happened, {value} AS amount, NULL AS key, 1 AS ahead, 1 AS back
    FROM {qualified(label.stream)}
    WHERE {quote(label.stream_entity)} IS NOT NULL
    UNION ALL
    SELECT {quote(label.spine_entity)}, epoch_us({time}), NULL, NULL,
           {quote(spec.spine.key)}, {ahead.format(time)}, {back.format(time)}
    FROM spine
    WHERE {quote(label.spine_entity)} IS NOT NULL
  )
  WINDOW entities AS (PARTITION BY entity ORDER BY moment)
)
WHERE key IS NOT NULL"""


def _lengths(horizon: timedelta | Months) -> tuple[str, str]:
    """SQL for the microseconds from a time `{0}` to its horizon, and from as long before to it."""
    if isinstance(horizon, timedelta):
        return str(microseconds(horizon)), str(microseconds(horizon))
    months = f"to_months({horizon.count})"
    return (
        f"epoch_us({{0}} + {months}) - epoch_us({{0}})",
        f"epoch_us({{0}}) - epoch_us({{0}} - {months})",
    )


def complete_until(cursor: duckdb.DuckDBPyConnection, table: str, known_at: str) -> datetime | None:
    """The time up to which `table` is complete: its seal, or else its newest row's known-at.

    The seal `ALWAYS`, of a table that is made of static lookups alone, is not an end from which the
    periods of a split can be counted back.
    """
    seal = read_progress(cursor, table).seal
    newest: datetime | None = fetch_value(
        cursor, f"SELECT max({quote(known_at)}) FROM {qualified(table)}"
    )
    return newest if newest is None or seal is None or seal == ALWAYS else seal
