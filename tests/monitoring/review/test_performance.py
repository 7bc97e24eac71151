"""Each day's and week's metrics on matured rows, checked against a few lines of plain Python."""

from datetime import timedelta

import numpy as np
import pytest

from lakehouse.evaluation.document import Evaluation, Interval
from lakehouse.evaluation.predictions import Binary
from lakehouse.monitoring.review.matured import MaturedRows, matured_rows, matured_until
from lakehouse.monitoring.review.performance import (
    Decay,
    decay_finding,
    measure_decay,
    performance_rows,
)
from tests.monitoring.matured_lake import MULTICLASS, REGRESSION, Bench, make_spec, on

DAY = timedelta(days=1)


def average_precision(truth, score):
    """Precision at each distinct score, times the share of positives that it adds."""
    total, before, value = sum(truth), 0, 0.0
    for threshold in sorted(set(score), reverse=True):
        above = [t for t, s in zip(truth, score, strict=True) if s >= threshold]
        value += sum(above) / len(above) * (sum(above) - before) / total
        before = sum(above)
    return value


def auc(truth, score):
    pairs = [
        (p > n) + (p == n) / 2
        for t, p in zip(truth, score, strict=True)
        for o, n in zip(truth, score, strict=True)
        if t and not o
    ]
    return sum(pairs) / len(pairs)


def macro_f1(truth, predicted):
    values = []
    for name in {*truth, *predicted}:
        right = sum(t == s == name for t, s in zip(truth, predicted, strict=True))
        values.append(2 * right / (truth.count(name) + predicted.count(name)))
    return sum(values) / len(values)


def matured_metrics(lake, spec, skill, first, until, per_day=60):
    bench = Bench(lake, spec, per_day=per_day)
    bench.days(0, 30)
    version = bench.version(1, state="champion")
    rows = bench.log_predictions(version, range(30), skill)
    with lake.reader() as cursor:
        found = matured_rows(cursor, spec, version.version, on(0), on(until))
    metrics = performance_rows(spec, version.version, "champion", found, on(first), on(until))
    return rows, {(one["period"], one["start"], one["metric"]): one for one in metrics}


def column_part(rows, name, first, last, per_day=60):
    return rows[name][first * per_day : last * per_day].tolist()


@pytest.mark.parametrize("unit", ["", "customer_id"])
def test_of_a_capacity_a_week_only_weeks_have_metrics_at_capacity(lake, unit):
    spec = make_spec(capacity={"alerts": 35, "per": "week", "unit": unit}, split={"gap": "7d"})
    rows, metrics = matured_metrics(lake, spec, 1.0, first=0, until=14)
    score, truth, flagged, customer = (
        np.array(column_part(rows, name, 7, 14))
        for name in ("score", "is_fraud", "decision", "customer_id")
    )
    alerts = len({*customer[flagged]}) if unit else flagged.sum()
    assert metrics["week", on(7), "alerts_per_week"]["value"] == alerts
    assert ("week", on(7), "alerts_per_day") not in metrics
    if not unit:
        best = truth[np.argsort(-score, kind="stable")[:35]]
        assert metrics["week", on(7), "precision_at_capacity"]["value"] == best.mean()
        assert metrics["week", on(7), "recall_at_capacity"]["value"] == best.sum() / truth.sum()
    of_day = {name for period, start, name in metrics if (period, start) == ("day", on(8))}
    assert "alerts_per_day" in of_day
    assert not of_day & {"precision_at_capacity", "recall_at_capacity", "alerts_per_week"}
    with lake.reader() as cursor:
        assert matured_until(cursor, spec) == on(21), "the last Monday before the 23 matured days"
        assert matured_until(cursor, make_spec()) == on(23)


def test_days_and_whole_past_weeks_have_the_metrics_that_plain_python_computes(lake):
    spec = make_spec()
    rows, metrics = matured_metrics(lake, spec, 1.0, first=3, until=16)
    starts = {(period, start) for period, start, _ in metrics}
    assert starts == {("day", on(day)) for day in range(3, 16)} | {
        ("week", on(0)),
        ("week", on(7)),
    }, "days 14 and 15 are of a week that has not matured"
    for period, first, last in [("day", d, d + 1) for d in (3, 12)] + [("week", 7, 14)]:
        truth, score = (
            column_part(rows, "is_fraud", first, last),
            column_part(rows, "score", first, last),
        )
        flagged = column_part(rows, "decision", first, last)
        expected = {
            "average_precision": average_precision(truth, score),
            "auc_roc": auc(truth, score),
            "precision": sum(np.array(truth) & flagged) / max(sum(flagged), 1),
            "recall": sum(np.array(truth) & flagged) / sum(truth),
            "alerts_per_day": sum(flagged) / (last - first),
        }
        for metric, value in expected.items():
            row = metrics[period, on(first), metric]
            assert row["value"] == pytest.approx(value), (metric, first)
            assert (row["rows"], row["positives"]) == (len(truth), sum(truth))
    hits = 0
    for day in range(7, 14):
        truth, score = (
            column_part(rows, "is_fraud", day, day + 1),
            column_part(rows, "score", day, day + 1),
        )
        hits += sum(t for _, t in sorted(zip(score, truth, strict=True), reverse=True)[:5])
    assert metrics["week", on(7), "precision_at_capacity"]["value"] == pytest.approx(hits / 35)


def test_alerts_are_counted_in_the_unit_of_the_capacity(lake):
    spec = make_spec(capacity={"alerts": 5, "unit": "customer_id"})
    rows, metrics = matured_metrics(lake, spec, 1.0, first=0, until=7)
    days = [
        set(
            np.array(column_part(rows, "customer_id", d, d + 1))[
                column_part(rows, "decision", d, d + 1)
            ]
        )
        for d in range(7)
    ]
    assert metrics["week", on(0), "alerts_per_day"]["value"] == pytest.approx(
        sum(map(len, days)) / 7
    )
    assert ("week", on(0), "precision_at_capacity") not in metrics


def test_forecasts_and_classes_are_evaluated_too(lake):
    rows, metrics = matured_metrics(lake, make_spec(**MULTICLASS), 0.5, first=0, until=7)
    truth, predicted = column_part(rows, "kind", 0, 7), column_part(rows, "label", 0, 7)
    assert metrics["week", on(0), "macro_f1"]["value"] == pytest.approx(macro_f1(truth, predicted))
    rows, metrics = matured_forecasts(lake)
    week, customer, times = np.timedelta64(7, "D"), rows["customer_id"], rows["event_time"]
    errors = []
    for i in range(60):
        ahead = (customer == customer[i]) & (times >= times[i]) & (times < times[i] + week)
        errors.append(abs(rows["amount_eur"][ahead].sum() - rows["prediction"][i]))
    assert metrics["day", on(0), "mae"]["value"] == pytest.approx(np.mean(errors))


def matured_forecasts(lake):
    spec = make_spec(**REGRESSION)
    bench = Bench(lake, spec)
    version = bench.version(1, state="champion")
    rows = bench.log_predictions(version, range(30), 1.0)
    with lake.reader() as cursor:
        found = matured_rows(cursor, spec, version.version, on(0), on(7))
    metrics = performance_rows(spec, version.version, "champion", found, on(0), on(7))
    return rows, {(one["period"], one["start"], one["metric"]): one for one in metrics}


def interval_around(value, error=0.02):
    """An interval for a single look, 2 `error` to either side."""
    return Interval(value=value, low=value - 2 * error, high=value + 2 * error)


@pytest.mark.parametrize(
    ("metric", "now", "then", "passed", "rollback"),
    [
        ("average_precision", 0.55, 0.60, True, False),
        ("average_precision", 0.44, 0.60, True, False),
        ("average_precision", 0.35, 0.60, False, False),
        ("average_precision", 0.20, 0.60, False, True),
        ("log_loss", 0.35, 0.30, True, False),
        ("log_loss", 0.45, 0.30, False, False),
        ("log_loss", 0.65, 0.30, False, True),
    ],
    ids=["kept", "lost a quarter", "lost two fifths", "below", "kept", "lost half", "above"],
)
def test_a_loss_fails_if_it_exceeds_both_chance_and_the_allowance(
    metric, now, then, passed, rollback
):
    """.44 of .60 is more than chance, and less than the allowed loss of three tenths."""
    lower = metric == "log_loss"
    gate = {"metric": metric, "at_most": 0.5} if lower else {"metric": metric, "at_least": 0.3}
    spec = make_spec(
        promotion={"rule": "shadow", "metric": metric},
        gates=[gate],
        watch={"performance_drop": 0.3},
    )
    found = decay_finding(
        spec, Decay(metric, interval_around(now), interval_around(then), 80), on(5)
    )
    assert (found.passed, found.rollback) == (passed, rollback)
    assert found.passed or (metric in found.cause and found.remedy)
    assert found.severity == ("error" if rollback else "warn")


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (interval_around(0.35, 0.08), interval_around(0.6)),
        (interval_around(0.35), interval_around(0.6, 0.12)),
    ],
    ids=["today", "then"],
)
def test_a_loss_within_the_errors_of_now_and_of_the_test_passes(now, then):
    assert decay_finding(make_spec(), Decay("average_precision", now, then, 80), on(5)).passed


def test_a_loss_significant_in_a_single_look_is_not_significant_over_a_year_of_looks():
    found = Decay("average_precision", interval_around(0.45, 0.05), interval_around(0.6, 0.01), 80)
    assert found.now.high < found.tested.low
    assert decay_finding(make_spec(watch={"performance_drop": 0.1}), found, on(5)).passed


@pytest.mark.parametrize(
    ("now", "then", "passed"),
    [
        ((1.0, 0.93, 1.0), (0.8, 0.7, 0.9), True),
        ((1.0, 0.93, 1.0), (1.0, 0.93, 1.0), True),
        ((0.9, 0.8, 0.95), (1.0, 0.93, 1.0), True),
        ((0.0, 0.0, 0.06), (0.8, 0.7, 0.88), False),
        ((0.02, 0.003, 0.11), (0.8, 0.7, 0.88), False),
        ((0.0, 0.0, 0.06), (0.05, 0.02, 0.12), True),
    ],
    ids=["perfect", "both perfect", "was perfect", "found none", "found one", "found few before"],
)
def test_shares_at_the_ends_of_their_scale_are_judged_too(now, then, passed):
    """0 of 60 where the test found four of five is not chance; where it found one in 20, it is."""
    first, second = (Interval(value=value, low=low, high=high) for value, low, high in (now, then))
    found = decay_finding(make_spec(), Decay("recall_at_capacity", first, second, 60), on(5))
    assert found.passed is passed


def test_too_few_positives_are_not_judged_and_the_cause_gives_the_reason(lake):
    bench = Bench(lake, make_spec())
    bench.days(0, 20)
    version = bench.version(1, state="champion")
    bench.log_predictions(version, range(13), 0.0)
    promised = Evaluation(metrics={"test": {"average_precision": 0.6}})
    with lake.reader() as cursor:
        few, many = (
            measure_decay(
                bench.spec,
                promised,
                matured_rows(cursor, bench.spec, version.version, on(0), on(until)),
            )
            for until in (3, 13)
        )
    assert few.now is None
    found = decay_finding(bench.spec, few, on(2))
    assert (found.passed, found.value) == (None, None)
    assert found.cause == (
        f"not judged: {few.positives} positives have matured in 28 days, 50 are needed"
    )
    assert many.now.low < many.now.value < many.now.high < 0.6
    assert not decay_finding(bench.spec, many, on(12)).passed


def test_a_missing_test_result_is_reported():
    none = np.empty(0)
    predicted = Binary(none.astype(bool), none)
    empty = MaturedRows(none, none.astype(np.int64), {}, predicted)
    found = decay_finding(
        make_spec(), measure_decay(make_spec(), Evaluation(metrics={}), empty), on(2)
    )
    assert (found.passed, found.cause) == (
        None,
        "not judged: its test result has no average_precision",
    )
