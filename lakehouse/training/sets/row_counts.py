"""Where the rows of a training set's periods went, and why there are none.

The functions read the temporary tables of `dataset.py`: `spine`, `labelled` and `computed`.
"""

from collections.abc import Sequence
from datetime import datetime

import duckdb

from lakehouse.declarations.durations import format_duration
from lakehouse.evaluation.review_document import RowCount
from lakehouse.lake import fetch_value, qualified, quote, read_columns, read_progress
from lakehouse.models.errors import NotEnoughData
from lakehouse.models.labels import label_name
from lakehouse.models.spec import ModelSpec, Settled
from lakehouse.models.split import Split


def count_rows(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, split: Split
) -> tuple[RowCount, ...]:
    """Row counts of each period that has rows; drops the temporary table `spine`."""
    key, time = quote(spec.spine.key), quote(spec.spine.time)
    blocked = blocked_sql(cursor, spec)
    found = cursor.execute(
        f"""SELECT s.period, count(*), count(l.key), count(c.key),
            count(*) FILTER (l.key IS NULL AND {blocked})
        FROM spine s LEFT JOIN labelled l ON l.key = s.{key}
        LEFT JOIN computed c ON c.key = s.{key} GROUP BY 1"""
    ).fetchall()
    nulls = _null_labels(cursor, spec)
    counts = []
    bounds = vars(split)
    for period, chosen, labelled, used, stopped in found:
        landed = fetch_value(
            cursor,
            f"SELECT count(*) FROM {qualified(spec.spine.table)} WHERE {time} >= ? AND {time} < ?",
            [bounds[f"{period}_from"], bounds[f"{period}_until"]],
        )
        counts.append(
            RowCount(
                period=period,
                landed=landed,
                sampled_out=landed - chosen,
                blocked=stopped,
                unlabelled=chosen - labelled - stopped,
                without_features=labelled - used,
                used=used,
                null_labels=nulls.get(period, 0),
            )
        )
    cursor.execute("DROP TABLE spine")
    order = list(period_bounds(split))
    return tuple(sorted(counts, key=lambda one: order.index(one.period)))


def _null_labels(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> dict[str, int]:
    """Rows of `spine` by period whose label is NULL in the label table."""
    if not isinstance(spec.label, Settled):
        return {}
    label = spec.label
    rows = cursor.execute(
        f"""SELECT s.period, count(DISTINCT s.{quote(spec.spine.key)})
        FROM spine s JOIN {qualified(label.table)} l
        ON l.{quote(label.key or spec.spine.key)} = s.{quote(spec.spine.key)}
        WHERE l.{quote(label.column)} IS NULL AND NOT {blocked_sql(cursor, spec)} GROUP BY 1"""
    ).fetchall()
    return dict(rows)


def period_bounds(split: Split) -> dict[str, tuple[datetime, datetime]]:
    """The three periods with their bounds, oldest first."""
    bounds = vars(split)
    names = ("train", "validation", "test")
    return {name: (bounds[f"{name}_from"], bounds[f"{name}_until"]) for name in names}


def refuse_empty(spec: ModelSpec, split: Split, counts: Sequence[RowCount]) -> None:
    """Refuse a set with an empty period.

    Raises:
        NotEnoughData: naming the period, and where its rows went.
    """
    by_period = {each.period: each for each in counts}
    for period, (start, end) in period_bounds(split).items():
        found = by_period.get(period, RowCount(period=period, landed=0, used=0))
        if start < end and not found.used:
            raise NotEnoughData(
                f"{spec.name}: no row with a settled label and features between {_text(start)} "
                f"and {_text(end)} ({period}): {_explain(spec, found)}; load more data, or change "
                "`split`"
            )


def _explain(spec: ModelSpec, found: RowCount) -> str:
    if not found.landed:
        return f"{spec.spine.table} has no rows there"
    label = label_name(spec)
    reasons = {
        f"have NULL as {label}": found.null_labels,
        f"have no settled label ({label})": found.unlabelled - found.null_labels,
        f"have no features in {', '.join(spec.feature_sets)}": found.without_features,
        "were blocked by the model itself": found.blocked,
        "were left out by `split.sample_every`": found.sampled_out,
    }
    return f"of {found.landed:,} rows " + ", ".join(
        f"{count:,} {reason}" for reason, count in reasons.items() if count
    )


def why_no_rows(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, first: datetime | None) -> str:
    """Why nothing can be trained while the spine or the label table has no rows.

    `first` is the time of the oldest spine row. The sentence names the empty table, up to when it
    is complete, and what to wait for.
    """
    empty = spec.spine.table if first is None else spec.label_table
    seal = read_progress(cursor, empty).seal
    complete = f"it is complete up to {_text(seal)}" if seal else "nothing has been loaded into it"
    if first is None:
        return f"{spec.name}: {empty} has no rows yet ({complete}); load data and try again"
    return (
        f"{spec.name}: no label has settled yet: {empty} has no rows yet ({complete}). The first "
        f"row of {spec.spine.table} is of {_text(first)}, and labels settle "
        f"{format_duration(spec.maturity)} after it, at {_text(first + spec.maturity)}; load data "
        "and try again"
    )


def _text(time: datetime) -> str:
    """The day of a midnight, and the minute of another time."""
    return f"{time:%Y-%m-%d}" if time.time() == datetime.min.time() else f"{time:%Y-%m-%d %H:%M}"


def blocked_sql(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> str:
    """SQL for whether the model itself blocked the spine row s: such a row is never reported.

    Among the rows that the model flags, the control stream remains, a random sample, so that
    training on it stays unbiased. A redo that would no longer block a row does not undo the block,
    so superseded decisions count.
    """
    tables = (spec.predictions_log, spec.predictions_table)  # older releases had only the second
    logged = [table for table in tables if "blocked" in read_columns(cursor, table)]
    if not logged:
        return "false"
    key = quote(spec.spine.key)
    return f"EXISTS (FROM {qualified(logged[0])} p WHERE p.{key} = s.{key} AND p.blocked)"
