from datetime import date

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from lakehouse.evaluation.intervals import interval_of
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.resampling import Resampling, resample
from lakehouse.evaluation.scales import LOGIT
from lakehouse.evaluation.segments import segment_metrics, weekly_metrics

RANDOM = np.random.default_rng(9)
ROWS = 2000
TRUTH = RANDOM.random(ROWS) < 0.15
SCORE = np.clip(RANDOM.random(ROWS) + 0.3 * TRUTH, 0, 1)
DAY = RANDOM.integers(100, 117, ROWS)
CHANNEL = np.array(["chip", "online", "phone"])[np.digitize(RANDOM.random(ROWS), [0.6, 0.97])]
PREDICTIONS = Binary(TRUTH, SCORE, SCORE >= 0.8, DAY, 10)


def test_a_segment_has_the_metrics_of_its_rows_with_intervals():
    only = ["average_precision", "recall"]
    resampling = Resampling.of(ROWS, RANDOM.integers(0, 200, ROWS))
    found = segment_metrics(PREDICTIONS, {"channel": CHANNEL}, resampling, only=only)
    assert [each.value for each in found] == ["chip", "online", "phone"]  # the most rows first
    for each in found[:2]:
        rows = each.value == CHANNEL
        assert (each.rows, each.positives) == (rows.sum(), TRUTH[rows].sum())
        average = each.metrics["average_precision"]
        assert average.value == pytest.approx(average_precision_score(TRUTH[rows], SCORE[rows]))
        assert list(each.metrics) == only

        def average_of_these(weights, rows=rows):
            return np.array(list(metric_values(PREDICTIONS, weights * rows, only[:1]).values()))

        repeats = resample(average_of_these, resampling)[:, 0]
        expected = interval_of(average.value, repeats, each.positives, LOGIT)
        assert (average.low, average.high) == pytest.approx((expected.low, expected.high))


def test_a_segment_with_few_positives_has_no_metric_values():
    phone = segment_metrics(PREDICTIONS, {"channel": CHANNEL}, Resampling.of(ROWS))[2]
    assert phone.positives < 50
    assert phone.metrics["auc_roc"] is None


def test_only_the_most_frequent_values_of_a_column_are_reported():
    found = segment_metrics(
        PREDICTIONS, {"day": DAY, "channel": CHANNEL}, Resampling.of(ROWS), max_values=2
    )
    assert [each.column for each in found] == ["day", "day", "channel", "channel"]


def test_a_week_has_the_metrics_of_its_rows_at_capacity_too():
    found = weekly_metrics(PREDICTIONS, DAY)
    assert [each.start for each in found] == [
        date(1970, 4, 11),
        date(1970, 4, 18),
        date(1970, 4, 25),
    ]
    rows = (DAY >= 107) & (DAY < 114)
    expected = metric_values(Binary(TRUTH[rows], SCORE[rows], SCORE[rows] >= 0.8, DAY[rows], 10))
    assert "precision_at_capacity" in expected
    assert found[1].metrics == pytest.approx(expected)


def test_a_week_without_positives_does_not_determine_the_metric():
    (week,) = weekly_metrics(Binary(np.zeros(3, bool), np.arange(3.0)), np.array([4, 5, 6]))
    assert week.metrics["auc_roc"] is None
    assert weekly_metrics(Binary(np.zeros(0, bool), np.zeros(0)), np.zeros(0, int)) == ()
