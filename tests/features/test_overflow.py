"""A total fits its type exactly, or is an error that names the set, the column and the row."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from lakehouse.features import (
    FeatureError,
    FeatureSetSpec,
    compute,
    compute_online,
    load_plan,
    refresh,
)
from lakehouse.lake import Lake, Progress
from tests.features.test_increments import LABELS, TRANSACTIONS, days, deliver, seal, spec, write
from tests.features.worlds import COLUMNS, START, Row, fill, memory_lake

MIN_BIGINT, MAX_BIGINT = -(2**63), 2**63 - 1
BUCKETS = (1_000_000, 7, 1)
"""Rows that are computed at once: all, some, a single one."""


def payments(values: Sequence[int | None], apart: timedelta = timedelta(seconds=1)) -> list[Row]:
    """Payments of customer 7, one after the other."""
    return [
        dict.fromkeys(COLUMNS)
        | {
            "transaction_id": number,
            "customer_id": 7,
            "event_time": START + apart * number,
            "known_at": START + apart * number,
            "amount_cents": value,
        }
        for number, value in enumerate(values)
    ]


def totals(feature: str, table: str = TRANSACTIONS, **more: Any) -> FeatureSetSpec:
    part = {"of": "payments", "value": "amount_cents", "window": "1m", **more}
    return FeatureSetSpec.model_validate(
        {
            "name": "spending",
            "description": "Spending",
            "entity": "customer_id",
            "spines": [{"name": "payments", "table": TRANSACTIONS, "key": "transaction_id"}],
            "streams": {"payments": table},
            "aggregates": {
                "n": {"of": "payments", "op": "count", "window": "1m"},
                "spend": {"op": "sum", **part},
                "squares": {"op": "sumsq", **part},
            },
            "features": {"f": feature},
        }
    )


def lake_of(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    cursor = memory_lake()
    fill(cursor, TRANSACTIONS, COLUMNS, rows)
    fill(cursor, LABELS, COLUMNS, rows)
    return cursor


def batch(cursor: duckdb.DuckDBPyConnection, spec: FeatureSetSpec, bucket: int) -> list[Any]:
    cursor.execute("DROP TABLE IF EXISTS temp.main._features")
    compute(load_plan(spec, cursor), cursor, bucket=bucket)
    rows = cursor.execute("SELECT f FROM temp.main._features ORDER BY transaction_id").fetchall()
    return [value for (value,) in rows]


def served(cursor: duckdb.DuckDBPyConnection, spec: FeatureSetSpec, rows: list[Row]) -> list[Any]:
    plan = load_plan(spec, cursor)
    return [compute_online(plan, row, {TRANSACTIONS: rows, LABELS: rows})["f"] for row in rows]


@pytest.mark.parametrize("table", [TRANSACTIONS, LABELS])
@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_sum_is_exact_up_to_the_ends_of_its_type(table: str, bucket: int) -> None:
    rows = payments([MAX_BIGINT, -1, None, 1, -MAX_BIGINT, -MAX_BIGINT, -1, 0])
    cursor, spec = lake_of(rows), totals("spend", table)
    expected = [
        0, MAX_BIGINT, MAX_BIGINT - 1, MAX_BIGINT - 1, MAX_BIGINT, 0, -MAX_BIGINT, MIN_BIGINT,
    ]  # fmt: skip
    assert batch(cursor, spec, bucket) == served(cursor, spec, rows) == expected


@pytest.mark.parametrize("bucket", BUCKETS)
def test_only_the_sum_of_the_window_counts_not_that_of_all_history(bucket: int) -> None:
    rows = payments([MAX_BIGINT] * 5, apart=timedelta(seconds=40))
    cursor, spec = lake_of(rows), totals("spend", LABELS)
    assert batch(cursor, spec, bucket) == served(cursor, spec, rows) == [0, *[MAX_BIGINT] * 4]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_only_the_squares_of_the_window_count_too(bucket: int) -> None:
    rows = payments([3_000_000_000, *[MIN_BIGINT] * 3], apart=timedelta(seconds=40))
    cursor, spec = lake_of(rows), totals("std(squares, n, n)", LABELS)
    with pytest.raises(FeatureError, match="does not fit its type"):
        batch(cursor, totals("std(squares, n, n)", LABELS, window="10m"), bucket)
    assert batch(cursor, spec, bucket) == served(cursor, spec, rows) == [None] * 4


@pytest.mark.parametrize("table", [TRANSACTIONS, LABELS])
@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize(
    ("feature", "values", "farthest", "used"),
    [
        ("spend", [5, MAX_BIGINT, MAX_BIGINT, 5], MAX_BIGINT, "spend"),
        ("spend", [-5, MIN_BIGINT, 5], MIN_BIGINT, "spend"),
        ("std(squares, n, n)", [5, MIN_BIGINT, MIN_BIGINT, 5], MIN_BIGINT, "squares"),
        ("std(squares, spend, n)", [2**60, -(2**60), 5], 2**60, "spend, squares"),
    ],
)
def test_a_total_that_does_not_fit_is_explained(
    table: str, bucket: int, feature: str, values: list[int], farthest: int, used: str
) -> None:
    rows = payments(values)
    cursor, spec = lake_of(rows), totals(feature, table)
    known_at = next(row["known_at"] for row in rows if row["amount_cents"] == farthest)
    with pytest.raises(FeatureError) as error:
        batch(cursor, spec, bucket)
    assert str(error.value) == (
        f"feature set spending: a total of amount_cents ({used}), or a deviation computed from it, "
        f"does not fit its type; the value farthest from zero is {farthest}, in the row of {table} "
        f"for entity 7 known at {known_at}; leave out placeholders of missing values with `where`"
    )
    with pytest.raises(FeatureError, match=r"feature set spending: .* not fit in (64|128) bits"):
        served(cursor, spec, rows)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_where_leaves_out_placeholders_of_missing_values(
    bucket: int,
) -> None:
    rows = payments([3, MAX_BIGINT, MAX_BIGINT, 4, MIN_BIGINT, MIN_BIGINT, 0])
    cursor = lake_of(rows)
    spec = totals("std(squares, spend, n)", where="amount_cents < 100 and amount_cents > -100")
    deviations = batch(cursor, spec, bucket)
    assert deviations == served(cursor, spec, rows)
    assert deviations[-1] is not None
    spec = totals("spend", where="amount_cents < 100 and amount_cents > -100")
    assert batch(cursor, spec, bucket) == [0, 3, 3, 3, 7, 7, 7]


def test_a_refresh_with_such_a_total_writes_nothing_until_the_value_is_left_out(
    lake: Lake,
) -> None:
    loads = days(1)
    deliver(lake, loads, 1)
    before = refresh(spec(), lake)
    huge = {"terminal_id": 3, "amount_cents": MAX_BIGINT, "is_fraud": False}
    loads[1] = [{**loads[1][0], **huge, "transaction_id": key} for key in range(3)]
    for number, row in enumerate(loads[1]):
        row["known_at"] = row["event_time"] = row["known_at"] + timedelta(minutes=number)
    deliver(lake, loads, 2)
    snapshot = lake.snapshot()
    for _ in range(2):
        with pytest.raises(
            FeatureError, match=r"feature set risk: a total of amount_cents \(spend"
        ):
            refresh(spec(), lake)
    assert (lake.snapshot(), lake.rows(before.table)) == (snapshot, before.rows_total)
    write(lake, LABELS, [], Progress(2, seal(2)))
    aggregates = spec().model_dump()["aggregates"]
    aggregates["spend"]["where"] = "amount_cents < 1000000"
    assert refresh(spec(aggregates=aggregates), lake).rows_total == sum(map(len, loads[:2]))


def test_another_failed_conversion_is_not_reported_as_a_total() -> None:
    cursor = lake_of(payments([1, 2]))
    cursor.execute(
        "CREATE VIEW lake.core.dim_customers AS SELECT 7::BIGINT AS customer_id, "
        f"TIMESTAMP '{START}' AS valid_from, CAST(text AS INTEGER) AS segment "
        "FROM (VALUES ('basic')) AS t(text)"
    )
    attributes = {"segment": {"of": "core.dim_customers", "column": "segment"}}
    declared = totals("spend / segment").model_dump() | {"attributes": attributes}
    with pytest.raises(duckdb.ConversionException, match="basic"):
        batch(cursor, FeatureSetSpec.model_validate(declared), 7)
