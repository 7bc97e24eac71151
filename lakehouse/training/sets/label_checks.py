"""Checks of labels before training; each error names the column, values seen, and a remedy.

`check_labels` and `check_days` read the temporary tables of `dataset.py`: `spine(<key>, <time>,
period, ...)` and `labelled(split, key, event_time, label, label_known_at, _arrived, _in_time)`.
`_arrived` is when the row itself became known, and `_in_time` whether the label was known by the
end of its period's gap.
"""

from collections.abc import Mapping
from datetime import timedelta

import duckdb

from lakehouse.declarations.durations import format_duration, microseconds
from lakehouse.lake import quote, read_columns
from lakehouse.models.errors import TrainingError
from lakehouse.models.labels import condition_sql, label_name
from lakehouse.models.spec import Forward, ModelSpec, Settled
from lakehouse.models.tasks.label_kinds import SUMMABLE, label_kind

_HOUR = timedelta(hours=1)
EXPECTED_LABELS = 10
"""Days without a label are an error if at least this many labels were expected: by chance there
would be none with probability exp(-10)."""


_SHOWN = 5
"""Values that an error lists."""


def refuse_unreadable(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Refuse label columns that do not exist, or whose type is not valid for the task.

    Raises:
        TrainingError: naming the column.
    """
    columns = read_columns(cursor, spec.label_table)
    if isinstance(spec.label, Settled):
        key = spec.label.key or spec.spine.key
        _require(spec, columns, {"column": spec.label.column, "key": key})
        problem = spec.task.label_type_problem(columns[spec.label.column])
        if problem:
            raise TrainingError(f"{spec.name}: label {label_name(spec)} {problem}")
    else:
        _refuse_unfit_stream(cursor, spec, spec.label, columns)


def _refuse_unfit_stream(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, label: Forward, columns: Mapping[str, str]
) -> None:
    _require(spec, columns, {"entity": label.stream_entity, "value": label.value})
    ours = read_columns(cursor, spec.spine.table).get(label.spine_entity)
    if ours is None:
        raise TrainingError(
            f"{spec.name}: {spec.spine.table} has no column {label.spine_entity}; correct "
            "`label.entity`, or name both columns: `{<column of the spine>: <column of the "
            "stream>}`"
        )
    theirs = columns[label.stream_entity]
    if ours != theirs and label_kind(ours) != label_kind(theirs):
        raise TrainingError(
            f"{spec.name}: {spec.spine.table}.{label.spine_entity} is a {ours} and "
            f"{label.stream}.{label.stream_entity} a {theirs}; cast one of them in a dbt model"
        )
    if label.value and label_kind(columns[label.value]) not in SUMMABLE:
        raise TrainingError(
            f"{spec.name}: the label sums {label.stream}.{label.value}, which is a "
            f"{columns[label.value]}; sum a number, or use `op: count` with `where`"
        )
    condition_sql(cursor, spec, label)  # refuses a condition that does not fit


def _require(spec: ModelSpec, columns: Mapping[str, str], fields: Mapping[str, str]) -> None:
    """Check that the label's table has the column of each field of `label`, and its `known_at`."""
    for field, column in {**fields, "known_at": spec.label.known_at}.items():
        if column and column not in columns:
            raise TrainingError(
                f"{spec.name}: {spec.label_table} has no column {column}; correct `label.{field}`"
                f" (it has {', '.join(columns)})"
            )


def check_labels(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Check that each value is valid for the task and was known in time.

    A binary label is 0 or 1, and a number must fit LightGBM's 32-bit floats. A label must be known
    within the maturity of its event, or, for a row that arrives later, when the row arrives.

    Raises:
        TrainingError: naming the column, a key and its value or time.
    """
    found = cursor.execute(
        f"SELECT key, label FROM labelled WHERE {spec.task.label_refused} ORDER BY key LIMIT 1"
    ).fetchone()
    if found is not None:
        raise TrainingError(
            f"{spec.name}: label {label_name(spec)} of {spec.spine.key} {found[0]} is "
            f"{found[1]:g}; {spec.task.label_remedy} ({_values_seen(cursor)})"
        )
    late = cursor.execute(
        "SELECT key, event_time, label_known_at, count(*) OVER () FROM labelled "
        "WHERE label_known_at > greatest(event_time + to_microseconds(?), _arrived) "
        "ORDER BY key LIMIT 1",
        [microseconds(spec.maturity)],
    ).fetchone()
    if late is not None:
        key, event, known, count = late
        raise TrainingError(
            f"{spec.name}: the label of {spec.spine.key} {key} of {event} was known at {known}, "
            f"more than the maturity of {format_duration(spec.maturity)} after it ({count:,} rows "
            "in all). Declare the true `label.maturity` (or `split.gap`), or change the label "
            "table so that labels settle within it"
        )


def _values_seen(cursor: duckdb.DuckDBPyConnection) -> str:
    """The smallest values of `labelled`, how many there are, and in how many rows."""
    values = cursor.execute(
        f"SELECT DISTINCT label FROM labelled ORDER BY label LIMIT {_SHOWN}"
    ).fetchall()
    row = cursor.execute("SELECT count(DISTINCT label), count(*) FROM labelled").fetchone()
    distinct, rows = row or (0, 0)
    listed = ", ".join(f"{value:g}" for (value,) in values)
    more = f" and {distinct - len(values):,} more" if distinct > len(values) else ""
    return f"values seen in {rows:,} rows: {listed}{more}"


def check_days(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Refuse a period whose last days have rows but no label: they would be dropped silently.

    Raises:
        TrainingError: naming the period, the days and the number of rows without a label.
    """
    time = quote(spec.spine.time)
    rows = cursor.execute(
        f"""WITH labels AS (
                SELECT split AS period, count(*) AS labels, max(CAST(event_time AS DATE)) AS last
                FROM labelled GROUP BY split
            )
            SELECT period, last, max(CAST({time} AS DATE)), any_value(labels), count(*),
                count(*) FILTER (CAST({time} AS DATE) > last),
                max(_arrived - {time}) FILTER (CAST({time} AS DATE) > last)
            FROM spine JOIN labels USING (period) GROUP BY period, last ORDER BY period"""
    ).fetchall()
    for period, last, end, labels, count, without, delay in rows:
        expected = without * labels / (count - without) if count > without else 0
        if expected >= EXPECTED_LABELS:
            remedy = f"check why {label_name(spec)} stops, or wait for it"
            comes_with_row = spec.label_table == spec.spine.table
            if comes_with_row and delay is not None and delay > spec.gap:
                remedy = (
                    f"these rows and their labels arrive up to "
                    f"{format_duration(-(-delay // _HOUR) * _HOUR)} after their time: declare that "
                    "as `label.maturity` or `split.gap`"
                )
            raise TrainingError(
                f"{spec.name}: the {period} period has {without:,} rows after {last}, up to {end}, "
                f"and none of them has a label, although about {expected:,.0f} were expected; "
                f"{remedy}"
            )
