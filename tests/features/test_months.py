"""A window of calendar months starts on the same day of an earlier month, or on its last day."""

import calendar
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.declarations.durations import Months
from lakehouse.features import FeatureSetSpec, compute_online, load_plan
from lakehouse.features.ops import Window
from tests.features.reference import reference
from tests.features.test_rules import BUCKETS, batch, bits, load
from tests.features.worlds import Row, memory_lake

MICROSECOND = timedelta(microseconds=1)
OPS = {
    "count": None, "sum": "amount_cents", "max": "amount_cents", "last": "amount_cents",
    "distinct": "amount_cents", "since_last": None, "since_first": None,
}  # fmt: skip
WINDOWS = {"1mo": 1, "2mo": 2, "12mo": 12}
DAYS = [
    datetime(2027, 1, 31), datetime(2027, 2, 28), datetime(2027, 3, 1), datetime(2027, 3, 28),
    datetime(2027, 3, 29), datetime(2027, 3, 31), datetime(2027, 4, 1), datetime(2027, 4, 30),
    datetime(2028, 1, 29), datetime(2028, 2, 28), datetime(2028, 2, 29), datetime(2028, 3, 1),
    datetime(2028, 3, 31),
]  # fmt: skip
TIMES = st.builds(
    lambda day, shift: day + shift,
    st.sampled_from(DAYS),
    st.sampled_from([-MICROSECOND, timedelta(0), timedelta(0), MICROSECOND, timedelta(hours=11)]),
)
ROWS = st.lists(st.tuples(st.sampled_from([1, 1, 2, None]), TIMES, st.integers(-3, 9)), max_size=25)


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    return memory_lake()


def start_of(t: datetime, months: int) -> datetime:
    """The reference: month by month, by the calendar."""
    year, month = t.year, t.month
    for _ in range(months):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return t.replace(year=year, month=month, day=min(t.day, calendar.monthrange(year, month)[1]))


def transactions(drawn: list[tuple[int | None, datetime, int]]) -> list[Row]:
    return [
        {
            "transaction_id": number, "customer_id": customer, "terminal_id": 1, "event_time": time,
            "known_at": time, "amount_cents": amount, "score": None, "channel": "chip",
            "is_fraud": amount > 5, "_load_id": 1,
        }
        for number, (customer, time, amount) in enumerate(drawn)
    ]  # fmt: skip


def declare(stream: str, windows: list[str]) -> FeatureSetSpec:
    aggregates: dict[str, Any] = {
        op: {"of": "payments", "op": op, "window": windows, **({"value": value} if value else {})}
        for op, value in OPS.items()
    }
    aggregates["count_since"] = {
        "of": "payments", "op": "count_since", "window": windows, "where": "is_fraud",
    }  # fmt: skip
    return FeatureSetSpec.model_validate(
        {
            "name": "months",
            "description": "Months",
            "entity": "customer_id",
            "spines": [
                {"name": "transactions", "table": "core.fct_transactions", "key": "transaction_id"}
            ],
            "streams": {"payments": stream},
            "aggregates": aggregates,
            "features": {name: name for name in aggregates},
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["core.fct_transactions", "core.fct_labels"])
@given(own=ROWS, other=ROWS)
@settings(max_examples=15)
def test_batch_in_buckets_of_any_size_and_online_follow_the_calendar(
    cursor: duckdb.DuckDBPyConnection, stream: str, own: list[Any], other: list[Any]
) -> None:
    requests, rows = transactions(own), transactions(own if "transactions" in stream else other)
    load(cursor, requests, transactions(other), [])
    spec = declare(stream, [*WINDOWS, "30d"])
    plan = load_plan(spec, cursor)
    computed = {bucket: batch(cursor, spec, bucket) for bucket in BUCKETS}
    for request in requests:
        served = compute_online(plan, request, {stream: rows})
        t = request["event_time"]
        for window, months in WINDOWS.items():
            for op, value in OPS.items():
                expected = reference(
                    rows, "customer_id", request["customer_id"], t, op, t - start_of(t, months),
                    value,
                )  # fmt: skip
                assert bits(served[f"{op}_{window}"]) == bits(expected), (op, window, t)
        for bucket, result in computed.items():
            for name, value in served.items():
                assert bits(result[request["transaction_id"]][name]) == bits(value), (bucket, name)


@given(times=st.lists(st.datetimes(datetime(1, 3, 1), datetime(9999, 12, 31)), min_size=1))
def test_the_starts_of_many_windows_are_those_of_each(times: list[datetime]) -> None:
    t = [(time - datetime(1970, 1, 1)) // MICROSECOND for time in times]
    for length in (Months(1), Months(2), timedelta(days=30), MICROSECOND):
        window = Window(length)
        assert window.starts(np.array(t)).tolist() == [window.start(time) for time in t]


@pytest.mark.parametrize(("year", "days"), [(2027, 28), (2028, 29)])
def test_at_the_first_of_march_a_window_of_one_month_is_february(
    cursor: duckdb.DuckDBPyConnection, year: int, days: int
) -> None:
    """Each day has one payment at noon, and 1 March at midnight is the row that asks."""
    noons = [datetime(year, 1, 1, 12) + timedelta(days=day) for day in range(90)]
    load(
        cursor,
        transactions([(1, datetime(year, 3, 1), 1)]),
        transactions([(1, t, 1) for t in noons]),
        [],
    )
    spec = declare("core.fct_labels", ["1mo"])
    assert batch(cursor, spec, 7)[0]["count_1mo"] == days


def test_a_later_row_whose_window_starts_earlier_keeps_all_rows(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    """A month before 28 March at noon is 28 February at noon; before 29 March, at midnight."""
    asking = [(1, datetime(2027, 3, 28, 12), 1), (1, datetime(2027, 3, 29), 1)]
    load(cursor, transactions(asking), transactions([(1, datetime(2027, 2, 28, 6), 1)]), [])
    spec = declare("core.fct_labels", ["1mo"])
    for bucket in BUCKETS:
        computed = batch(cursor, spec, bucket)
        assert [computed[key]["count_1mo"] for key in (0, 1)] == [0, 1]


def test_a_version_depends_on_whether_a_window_is_a_month_or_as_many_days(
    cursor: duckdb.DuckDBPyConnection,
) -> None:
    load(cursor, [], [], [])
    plans = [load_plan(declare("core.fct_labels", [w]), cursor) for w in ("1mo", "31d", "2mo")]
    assert len({plan.version for plan in plans}) == 3
    stored = FeatureSetSpec.model_validate_json(plans[0].spec.model_dump_json())
    assert load_plan(stored, cursor).version == plans[0].version
