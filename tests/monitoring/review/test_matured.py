"""Which rows have matured, with their predictions and outcomes, against a join made by hand."""

from datetime import date

import numpy as np
import pytest

from lakehouse.evaluation.metrics import metric_values
from lakehouse.lake import Author
from lakehouse.monitoring.review.matured import matured_rows, matured_until, pair_rows
from lakehouse.monitoring.review.performance import period_metrics
from lakehouse.scoring.log import in_control
from tests.monitoring.matured_lake import MULTICLASS, REGRESSION, Bench, make_spec, on


def read(bench, version, first=0, until=13, **options):
    with bench.lake.reader() as cursor:
        return matured_rows(cursor, bench.spec, version.version, on(first), on(until), **options)


def test_a_day_has_matured_when_the_maturity_has_passed_since_its_end(lake):
    bench = Bench(lake, make_spec())
    with lake.reader() as cursor:
        assert matured_until(cursor, bench.spec) is None
    bench.days(0, 20)
    with lake.reader() as cursor:
        assert matured_until(cursor, bench.spec) == on(13)


def test_rows_hold_the_predictions_of_the_version_and_the_outcomes_in_key_order(lake):
    bench = Bench(lake, make_spec())
    bench.days(0, 20)
    first, other = bench.version(1, state="champion"), bench.version(2)
    rows = bench.log_predictions(first, range(20), 1.0)
    bench.log_predictions(other, range(20), 1.0)
    bench.log_predictions(first, range(20), 2.0, in_shadow=True)
    found = read(bench, first, 3, 5)
    ours = slice(3 * bench.per_day, 5 * bench.per_day)
    np.testing.assert_array_equal(found.key, rows["transaction_id"][ours])
    np.testing.assert_array_equal(found.predictions.truth, rows["is_fraud"][ours])
    np.testing.assert_array_equal(found.predictions.score, rows["score"][ours])
    np.testing.assert_array_equal(found.predictions.flagged, rows["decision"][ours])
    np.testing.assert_array_equal(found.entities["terminal_id"], rows["terminal_id"][ours])
    assert np.unique(found.day).tolist() == [(on(day) - date(1970, 1, 1)).days for day in (3, 4)]
    in_shadow = read(bench, first, 3, 5, in_shadow=True)
    assert in_shadow.predictions.score.tolist() != found.predictions.score.tolist()
    assert not read(bench, other, in_shadow=True).predictions.rows
    assert read(bench, first, 0, 20).predictions.rows == 13 * bench.per_day, "days 13 to 19 wait"


def test_a_score_that_is_not_a_number_flags_nothing_and_ranks_last(lake):
    bench = Bench(lake, make_spec())
    bench.days(0, 20)
    version = bench.version(1, state="champion")
    rows = bench.log_predictions(version, range(13), 3.0)
    positives = rows["transaction_id"][rows["is_fraud"]].tolist()
    with lake.writer(Author("test")) as writer:
        for value, half in (("'NaN'", positives[::2]), ("NULL", positives[1::2])):
            writer.execute(
                f"UPDATE predictions.detector SET score = {value}, decision = "
                f"{'NULL' if value == 'NULL' else 'false'} WHERE list_contains(?, transaction_id)",
                [half],
            )
    found = read(bench, version)
    assert period_metrics(bench.spec, found)["auc_roc"] == 0
    assert period_metrics(bench.spec, found)["recall"] == 0


def test_only_the_control_stream_of_a_blocking_model_is_evaluated(lake):
    """Blocked frauds look like good payments: counted, they make the better version look worse."""
    actions = {"mode": "block", "control": 0.3}
    bench = Bench(lake, make_spec(actions=actions), per_day=200)
    bench.days(0, 20)
    version = bench.version(1, state="champion")
    rows = bench.log_predictions(version, range(13), 4.0, threshold=0.8)
    hidden = rows["transaction_id"][rows["blocked"]]
    assert len(hidden) > 100
    with lake.writer(Author("test")) as writer:
        writer.execute(
            "UPDATE core.fct_labels SET is_fraud = false WHERE list_contains(?, transaction_id)",
            [hidden.tolist()],
        )
    found = read(bench, version)
    control = np.array([in_control(bench.spec, key) for key in rows["transaction_id"].tolist()])
    np.testing.assert_array_equal(found.key, rows["transaction_id"][control])
    np.testing.assert_array_equal(found.predictions.truth, rows["is_fraud"][control])
    metrics = period_metrics(bench.spec, found)
    honest = rows["decision"][rows["is_fraud"]].mean()
    assert metrics["recall"] == pytest.approx(honest, abs=0.08)
    assert metrics["alerts_per_day"] == pytest.approx(rows["decision"].sum() / 13, rel=0.15)
    assert found.predictions.alerts == 2, (
        "of five alerts a day three tenths fall to the control stream"
    )


def test_a_pair_has_the_rows_that_both_versions_have(lake):
    bench = Bench(lake, make_spec())
    bench.days(0, 20)
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(champion, range(0, 9), 1.0)
    bench.log_predictions(shadow, range(4, 13), 2.0, in_shadow=True)
    one, other = pair_rows(read(bench, shadow, in_shadow=True), read(bench, champion))
    assert one.key.tolist() == other.key.tolist() == list(range(4 * 60, 9 * 60))
    np.testing.assert_array_equal(one.predictions.truth, other.predictions.truth)
    assert one.predictions.score.tolist() != other.predictions.score.tolist()


def test_versions_with_different_classes_are_compared_on_all_classes(lake):
    bench = Bench(lake, make_spec(**MULTICLASS))
    bench.days(0, 20)
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    n = 13 * bench.per_day
    rows = bench.log_predictions(champion, range(13), np.full(n, "phantom"))
    bench.log_predictions(shadow, range(13), np.full(n, "amount"), in_shadow=True)
    one, other = pair_rows(read(bench, shadow, in_shadow=True), read(bench, champion))
    assert one.classes == other.classes == ("amount", "card", "phantom", "terminal")
    np.testing.assert_array_equal(one.predictions.truth, other.predictions.truth)
    assert [one.classes[code] for code in one.predictions.truth] == rows["kind"].tolist()
    assert metric_values(one.predictions, only=["accuracy"]) == {
        "accuracy": pytest.approx((rows["kind"] == "amount").mean())
    }
    assert (
        metric_values(one.predictions, only=["better_than_majority"])["better_than_majority"] == 0
    )
    assert metric_values(other.predictions, only=["accuracy"]) == {"accuracy": 0}


def test_forecasts_are_compared_with_the_outcome_within_the_horizon(lake):
    bench = Bench(lake, make_spec(**REGRESSION), per_day=20)
    bench.days(0, 20)
    version = bench.version(1, state="champion")
    rows = bench.log_predictions(version, range(20), 1.0)
    found = read(bench, version)
    times, customer = rows["event_time"], rows["customer_id"]
    week = np.timedelta64(7, "D")
    sums = [
        rows["amount_eur"][(customer == c) & (times >= t) & (times < t + week)].sum()
        for c, t in zip(customer[: 13 * 20], times[: 13 * 20], strict=True)
    ]
    np.testing.assert_allclose(found.predictions.truth, sums)
    np.testing.assert_array_equal(found.predictions.forecast, rows["prediction"][: 13 * 20])
    assert set(found.predictions.naive) == {"naive_last", "naive_season", "naive_mean"}
