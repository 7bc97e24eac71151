import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.evaluation import metrics
from lakehouse.evaluation.evaluate import (
    Period,
    evaluate_binary,
    evaluate_multiclass,
    evaluate_regression,
)
from lakehouse.evaluation.weighted import Binary, Multiclass, Regression

drawn_rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 2), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


def arrays(drawn):
    truth, score, day, weight = map(np.array, zip(*drawn, strict=True))
    return truth.astype(bool), score / 6, day, weight


@given(drawn=drawn_rows, alerts=st.integers(1, 6))
def test_a_row_of_weight_n_counts_like_n_rows_in_every_binary_metric(drawn, alerts):
    truth, score, day, weight = arrays(drawn)
    found = Binary(truth, score, 0.5, day, alerts).metrics(weight.astype(float))
    truth, score, day = (np.repeat(each, weight) for each in (truth, score, day))
    if not len(truth):
        assert np.isnan(found["average_precision"])
        return
    expected = {
        "average_precision": metrics.average_precision(truth, score),
        "auc_roc": metrics.auc_roc(truth, score),
        "log_loss": metrics.log_loss(truth.astype(int), np.column_stack([1 - score, score])),
        **metrics.decisions(truth, score >= 0.5),
        **metrics.at_capacity(day, truth, score, alerts),
    }
    assert found == pytest.approx(expected, nan_ok=True)


@given(drawn=drawn_rows)
def test_fractional_weights_count_as_scikit_learn_counts_them(drawn):
    judge = pytest.importorskip("sklearn.metrics")
    truth, score, _, weight = arrays(drawn)
    weight = weight / 3 + 0.1
    found = Binary(truth, score, 0.5).metrics(weight)
    if truth.all() or not truth.any():
        assert np.isnan(found["auc_roc"])
        return
    expected = {
        "average_precision": judge.average_precision_score(truth, score, sample_weight=weight),
        "auc_roc": judge.roc_auc_score(truth, score, sample_weight=weight),
        "log_loss": judge.log_loss(truth, score, sample_weight=weight),
        "accuracy": judge.accuracy_score(truth, score >= 0.5, sample_weight=weight),
        "precision": judge.precision_score(
            truth, score >= 0.5, sample_weight=weight, zero_division=0
        ),
        "recall": judge.recall_score(truth, score >= 0.5, sample_weight=weight),
        "f1": judge.f1_score(truth, score >= 0.5, sample_weight=weight),
    }
    assert found == pytest.approx(expected)


@given(drawn=drawn_rows)
def test_a_row_of_weight_n_counts_like_n_rows_in_forecasts_and_classes(drawn):
    _, score, label, weight = arrays(drawn)
    naive = {"last": score**2, "mean": 1 - score}
    probability = np.column_stack([score, 1 - score, np.full(len(score), 0.4)])
    probability /= probability.sum(axis=1, keepdims=True)
    forecast = Regression(label * 1.0, score, naive).metrics(weight * 1.0)
    classes = Multiclass(label, probability, 1).metrics(weight * 1.0)
    rows = np.repeat(np.arange(len(label)), weight)
    if not len(rows):
        assert all(np.isnan(value) for value in (*forecast.values(), *classes.values()))
        return
    period = Period(label[rows] * 1.0, rows, {name: each[rows] for name, each in naive.items()})
    expected = evaluate_regression(period, score[rows], 0.0)
    assert forecast == pytest.approx({name: expected[name] for name in forecast}, nan_ok=True)
    expected = evaluate_multiclass(period, probability[rows], ("a", "b", "c"), 1)
    assert classes == pytest.approx({name: expected[name] for name in classes})


def test_without_weights_the_metrics_are_those_of_an_evaluation():
    random = np.random.default_rng(3)
    truth, score = random.random(400) < 0.1, random.random(400)
    day = random.integers(0, 4, 400)
    expected = evaluate_binary(Period(truth * 1.0, day, {}), score, 0.7, 5, 0.1)
    found = Binary(truth, score, 0.7, day, 5).metrics()
    assert found == pytest.approx({name: expected[name] for name in found})
    assert len(found) == 9


def test_only_the_metrics_asked_for_are_told():
    predictions = Binary(np.array([True, False]), np.array([0.9, 0.1]), 0.5)
    assert predictions.metrics(only=["recall", "auc_roc"]) == {"auc_roc": 1.0, "recall": 1.0}


def test_a_part_of_the_rows_has_no_metrics_at_capacity():
    day, truth = np.zeros(4, int), np.array([True, False, True, False])
    part = Binary(truth, np.arange(4) / 4, 0.5, day, 2).take(truth)
    assert part.rows == 2
    assert "precision" in part.metrics()
    assert "precision_at_capacity" not in part.metrics()


def test_evidence_is_counted_in_rows_that_are_hard():
    assert Binary(np.array([True, False, True]), np.zeros(3)).positives == 2
    assert Regression(np.zeros(3), np.zeros(3)).positives == 3
    assert Multiclass(np.array([0, 0, 1]), np.full((3, 2), 0.5), 0).positives == 1
