"""Whether capacity is used: over four weeks of alerts, by rows or by units, without labels."""

import numpy as np
import pytest

from lakehouse.lake import Author
from lakehouse.monitoring.look.capacity import capacity_findings
from lakehouse.monitoring.look.drift import Days
from tests.monitoring.matured_lake import Bench, make_spec, on


def findings_of(lake, per_day, days=28, **capacity):
    """The findings when the given number of rows of each day are alerts; the capacity is five."""
    spec = make_spec(capacity={"alerts": 5, **capacity})
    bench = Bench(lake, spec)
    bench.days(0, days)
    version = bench.version(1, state="champion")
    scores = np.tile(np.arange(bench.per_day) < per_day, days).astype(float)
    rows = bench.log_predictions(version, range(days), scores, threshold=0.5)
    with lake.reader() as cursor:
        found = capacity_findings(cursor, spec, version.version, Days(on(days - 1), on(days)))
    return found, rows


@pytest.mark.parametrize(("per_day", "passed"), [(5, True), (4, False), (6, False)])
def test_a_fifth_too_many_or_too_few_alerts_fail(lake, per_day, passed):
    (found,), _ = findings_of(lake, per_day)
    assert (found.passed, found.value, found.bound) == (passed, per_day, 5)
    assert found.day == on(27)
    if not passed:
        text = "20% fewer than the 5" if per_day < 5 else "20% more than the 5"
        assert text in found.cause
        assert not found.rollback


@pytest.mark.parametrize(
    ("per_day", "days", "passed"), [(5, 28, True), (4, 33, False), (6, 34, False)]
)
def test_of_a_capacity_a_week_whole_weeks_are_judged(lake, per_day, days, passed):
    (found,), _ = findings_of(lake, per_day, days, alerts=35, per="week")
    assert (found.passed, found.value, found.bound) == (passed, 7 * per_day, 35)
    if not passed:
        assert f"{7 * per_day:.1f} alerts a week on 4 weeks, 20% " in found.cause


def test_units_of_a_capacity_a_week_are_counted_once_a_week(lake):
    (found,), rows = findings_of(lake, 10, alerts=20, per="week", unit="customer_id")
    week = (rows["event_time"].astype("datetime64[D]").astype(int) + 3) // 7
    alerts = {*zip(week[rows["decision"]], rows["customer_id"][rows["decision"]], strict=True)}
    assert found.value == pytest.approx(len(alerts) / 4)


def test_two_weeks_of_a_capacity_a_week_are_too_few(lake):
    found, _ = findings_of(lake, 5, days=20, alerts=35, per="week")
    assert found == []


def test_units_are_counted_once_a_day(lake):
    (found,), rows = findings_of(lake, 10, unit="customer_id")
    day = rows["event_time"].astype("datetime64[D]")
    alerts = {*zip(day[rows["decision"]], rows["customer_id"][rows["decision"]], strict=True)}
    assert found.value == pytest.approx(len(alerts) / 28)
    assert found.value < 10


def test_known_units_use_no_capacity(lake):
    (every,), rows = findings_of(lake, 10, unit="customer_id")
    with lake.writer(Author("test")) as writer:  # the others are never known
        writer.execute(
            "UPDATE core.fct_labels SET is_fraud = false WHERE transaction_id IN "
            "(SELECT transaction_id FROM core.fct_transactions WHERE customer_id >= 15)"
        )
    with lake.reader() as cursor:
        known = dict(
            cursor.execute(
                "SELECT customer_id, min(l.known_at) FROM core.fct_labels l "
                "JOIN core.fct_transactions USING (transaction_id) WHERE is_fraud GROUP BY 1"
            ).fetchall()
        )
        spec = make_spec(capacity={"alerts": 5, "unit": "customer_id", "known_removed": True})
        (found,) = capacity_findings(cursor, spec, "v0001", Days(on(27), on(28)))
    day = rows["event_time"].astype("datetime64[D]")
    alerted = {
        (d, customer)
        for d, customer in zip(
            day[rows["decision"]], rows["customer_id"][rows["decision"]], strict=True
        )
        if customer not in known or d <= np.datetime64(known[customer])
    }
    seen = {(d, customer) for d, customer in zip(day, rows["customer_id"], strict=True)}
    days = {
        d for d, customer in seen if customer not in known or d <= np.datetime64(known[customer])
    }
    assert found.value == pytest.approx(len(alerted) / len(days))
    assert found.value < every.value


def test_fewer_rows_than_the_capacity_are_named_as_the_cause(lake):
    (found,), _ = findings_of(lake, 60, alerts=100)
    assert not found.passed
    assert "only 60.0 a day exist to review" in found.cause


def test_less_than_three_weeks_are_not_judged(lake):
    found, _ = findings_of(lake, 60, days=20)
    assert found == []
