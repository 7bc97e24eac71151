"""Checks of labels before training; each error names a key or a column.

`check_labels` and `check_days` read the temporary tables of `dataset.py`: `spine(<key>, <time>,
period, ...)` and `labelled(split, key, event_time, label, label_known_at, _arrived, _in_time)`.
`_arrived` is when the row itself became known, and `_in_time` whether the label was known by the
end of its period's gap.
"""

import duckdb

from lakehouse.declarations.durations import format_duration, microseconds
from lakehouse.lake import quote, read_columns
from lakehouse.models.errors import TrainingError
from lakehouse.models.labels import label_name
from lakehouse.models.spec import ModelSpec, Settled

EXPECTED_LABELS = 10
"""Days without a label are an error if at least this many labels were expected: by chance there
would be none with probability exp(-10)."""


def refuse_unreadable(cursor: duckdb.DuckDBPyConnection, spec: ModelSpec) -> None:
    """Refuse a label column that is not numeric if the task needs numbers.

    Raises:
        TrainingError: naming the column.
    """
    if not isinstance(spec.label, Settled) or spec.task.has_classes:
        return
    kind = read_columns(cursor, spec.label.table).get(spec.label.column)
    if kind is None:
        raise TrainingError(
            f"{spec.name}: {spec.label.table} has no column {spec.label.column}; "
            "correct `label.column`"
        )
    if kind == "VARCHAR" or kind.startswith(("ENUM", "TIMESTAMP", "DATE")):
        raise TrainingError(
            f"{spec.name}: label {label_name(spec)} is a {kind}, and a {spec.task} model needs "
            "a number or a BOOLEAN; cast it in a dbt model"
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
            f"{found[1]:g}; {spec.task.label_remedy}"
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
                count(*) FILTER (CAST({time} AS DATE) > last)
            FROM spine JOIN labels USING (period) GROUP BY period, last ORDER BY period"""
    ).fetchall()
    for period, last, end, labels, count, without in rows:
        expected = without * labels / (count - without) if count > without else 0
        if expected >= EXPECTED_LABELS:
            raise TrainingError(
                f"{spec.name}: the {period} period has {without:,} rows after {last}, up to {end}, "
                f"and none of them has a label, although about {expected:,.0f} were expected; "
                f"check why {label_name(spec)} stops, or wait for it"
            )
