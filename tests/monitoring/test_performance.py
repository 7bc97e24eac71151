"""Each day's and week's metrics on matured rows, judged by a few lines of plain Python."""

from datetime import timedelta

import numpy as np
import pytest

from lakehouse.evaluation.document import Evaluation, Interval
from lakehouse.monitoring.matured import matured_rows
from lakehouse.monitoring.performance import Decay, decay_finding, decay_of, performance_rows
from tests.monitoring.matured_lake import MULTICLASS, REGRESSION, Bench, on, spec_of

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


def macro_f1(truth, said):
    values = []
    for name in {*truth, *said}:
        right = sum(t == s == name for t, s in zip(truth, said, strict=True))
        values.append(2 * right / (truth.count(name) + said.count(name)))
    return sum(values) / len(values)


def matured(lake, spec, said, first, until, per_day=60):
    bench = Bench(lake, spec, per_day=per_day)
    bench.days(0, 30)
    version = bench.version(1, state="champion")
    rows = bench.say(version, range(30), said)
    with lake.reader() as cursor:
        found = matured_rows(cursor, spec, version.version, on(0), on(until))
    told = performance_rows(spec, version.version, "champion", found, on(first), on(until))
    return rows, {(one["period"], one["start"], one["metric"]): one for one in told}


def of(rows, name, first, last, per_day=60):
    return rows[name][first * per_day : last * per_day].tolist()


def test_days_and_the_whole_weeks_that_ended_are_told_and_are_those_of_plain_python(lake):
    spec = spec_of()
    rows, told = matured(lake, spec, 1.0, first=3, until=16)
    starts = {(period, start) for period, start, _ in told}
    assert starts == {("day", on(day)) for day in range(3, 16)} | {
        ("week", on(0)),
        ("week", on(7)),
    }, "days 14 and 15 are of a week that has not matured"
    for period, first, last in [("day", d, d + 1) for d in (3, 12)] + [("week", 7, 14)]:
        truth, score = of(rows, "is_fraud", first, last), of(rows, "score", first, last)
        flagged = of(rows, "decision", first, last)
        expected = {
            "average_precision": average_precision(truth, score),
            "auc_roc": auc(truth, score),
            "precision": sum(np.array(truth) & flagged) / max(sum(flagged), 1),
            "recall": sum(np.array(truth) & flagged) / sum(truth),
            "alerts_per_day": sum(flagged) / (last - first),
        }
        for metric, value in expected.items():
            row = told[period, on(first), metric]
            assert row["value"] == pytest.approx(value), (metric, first)
            assert (row["rows"], row["positives"]) == (len(truth), sum(truth))
    hits = 0
    for day in range(7, 14):
        truth, score = of(rows, "is_fraud", day, day + 1), of(rows, "score", day, day + 1)
        hits += sum(t for _, t in sorted(zip(score, truth, strict=True), reverse=True)[:5])
    assert told["week", on(7), "precision_at_capacity"]["value"] == pytest.approx(hits / 35)


def test_where_cards_are_looked_at_alerts_are_counted_in_cards(lake):
    spec = spec_of(capacity={"alerts": 5, "unit": "customer_id"})
    rows, told = matured(lake, spec, 1.0, first=0, until=7)
    days = [
        set(np.array(of(rows, "customer_id", d, d + 1))[of(rows, "decision", d, d + 1)])
        for d in range(7)
    ]
    assert told["week", on(0), "alerts_per_day"]["value"] == pytest.approx(sum(map(len, days)) / 7)
    assert ("week", on(0), "precision_at_capacity") not in told


def test_forecasts_and_classes_are_told_too(lake):
    rows, told = matured(lake, spec_of(**MULTICLASS), 0.5, first=0, until=7)
    truth, said = of(rows, "kind", 0, 7), of(rows, "label", 0, 7)
    assert told["week", on(0), "macro_f1"]["value"] == pytest.approx(macro_f1(truth, said))
    rows, told = matured_forecasts(lake)
    week, who, times = np.timedelta64(7, "D"), rows["customer_id"], rows["event_time"]
    errors = []
    for i in range(60):
        ahead = (who == who[i]) & (times >= times[i]) & (times < times[i] + week)
        errors.append(abs(rows["amount_eur"][ahead].sum() - rows["prediction"][i]))
    assert told["day", on(0), "mae"]["value"] == pytest.approx(np.mean(errors))


def matured_forecasts(lake):
    spec = spec_of(**REGRESSION)
    bench = Bench(lake, spec)
    version = bench.version(1, state="champion")
    rows = bench.say(version, range(30), 1.0)
    with lake.reader() as cursor:
        found = matured_rows(cursor, spec, version.version, on(0), on(7))
    told = performance_rows(spec, version.version, "champion", found, on(0), on(7))
    return rows, {(one["period"], one["start"], one["metric"]): one for one in told}


@pytest.mark.parametrize(
    ("metric", "high", "then", "passed", "rollback"),
    [
        ("average_precision", 0.50, 0.60, True, False),
        ("average_precision", 0.35, 0.60, False, False),
        ("average_precision", 0.25, 0.60, False, True),
        ("log_loss", 0.35, 0.30, True, False),
        ("log_loss", 0.45, 0.30, False, False),
        ("log_loss", 0.55, 0.30, False, True),
    ],
)
def test_it_is_the_better_end_that_has_to_be_too_bad(metric, high, then, passed, rollback):
    """The best that performance may be: .35 loses two fifths of .60, .25 is below the gate."""
    lower = metric == "log_loss"
    gate = {"metric": metric, "at_most": 0.5} if lower else {"metric": metric, "at_least": 0.3}
    spec = spec_of(
        promotion={"rule": "shadow", "metric": metric},
        gates=[gate],
        watch={"performance_drop": 0.3},
    )
    ends = {"low": high, "high": high + 0.1} if lower else {"low": high - 0.1, "high": high}
    now = Interval(value=high, **ends)
    found = decay_finding(spec, Decay(metric, now, then, 80), on(5))
    assert (found.passed, found.rollback) == (passed, rollback)
    assert found.passed or (metric in found.cause and found.remedy)
    assert found.severity == ("error" if rollback else "warn")


def test_too_few_positives_tell_nothing_of_decay(lake):
    bench = Bench(lake, spec_of())
    bench.days(0, 20)
    version = bench.version(1, state="champion")
    bench.say(version, range(13), 0.0)
    promised = Evaluation(metrics={"test": {"average_precision": 0.6}})
    with lake.reader() as cursor:
        for until, told in ((3, False), (13, True)):
            rows = matured_rows(cursor, bench.spec, version.version, on(0), on(until))
            found = decay_of(bench.spec, promised, rows)
            assert (found is not None) == told
    assert found.now.low < found.now.value < found.now.high < 0.6
