"""Every metric against scikit-learn, or against ten lines of plain Python if it has none."""

from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.evaluation.metrics import (
    ALERTS_PER,
    UnknownMetric,
    catalogue,
    find_metric,
    metric_value,
    metric_values,
    metrics_of,
    ordered_metrics,
)
from lakehouse.evaluation.metrics.metric import Metric
from lakehouse.evaluation.periods import WEEK
from lakehouse.evaluation.predictions import Binary, Multiclass, Regression
from lakehouse.evaluation.report.formatting import metric_name, metric_note

ALERTS = 3
rows = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 6),
        st.integers(0, 2),
        st.integers(0, 2),
        st.floats(0.25, 4) | st.just(0.0) | st.just(1.0),
    ),
    min_size=1,
    max_size=40,
)
"""Truth, score, day, class and weight: few values, so that ties and single classes are frequent."""


def arrays(drawn):
    truth, score, day, label, weight = (np.array(column) for column in zip(*drawn, strict=True))
    return truth.astype(bool), score / 6, day, label, weight


def judged(function, *arguments, needs=True, **options):
    """The result of scikit-learn; NaN where the rows do not determine it."""
    return function(*arguments, **options) if needs else np.nan


def binary_judges(truth, score, weight):
    flagged, counted = score >= 0.5, {"sample_weight": weight}
    found = {truth[i] for i in np.flatnonzero(weight)}
    both, some, one = len(found) == 2, bool(found), True in found
    alarms = one or bool(weight[flagged].sum())
    loss = {"labels": [False, True], **counted}
    return {
        "average_precision": judged(sk.average_precision_score, truth, score, needs=one, **counted),
        "auc_roc": judged(sk.roc_auc_score, truth, score, needs=both, **counted),
        "log_loss": judged(sk.log_loss, truth, score, needs=some, **loss),
        "accuracy": judged(sk.accuracy_score, truth, flagged, needs=some, **counted),
        "precision": sk.precision_score(truth, flagged, zero_division=0, **counted)
        if some
        else 0.0,
        "recall": judged(sk.recall_score, truth, flagged, needs=one, **counted),
        "f1": judged(sk.f1_score, truth, flagged, needs=alarms, **counted),
    }


@pytest.mark.slow
@given(drawn=rows)
def test_metrics_of_scores_and_decisions_are_those_of_scikit_learn(drawn):
    truth, score, _, _, weight = arrays(drawn)
    predictions = Binary(truth, score, score >= 0.5)
    expected = binary_judges(truth, score, weight)
    assert metric_values(predictions, weight) == pytest.approx(expected, nan_ok=True)
    once = binary_judges(truth, score, np.ones(len(truth)))
    assert metric_values(predictions) == pytest.approx(once, nan_ok=True)


@given(drawn=rows)
def test_metrics_of_classes_are_those_of_scikit_learn(drawn):
    _, score, _, truth, weight = arrays(drawn)
    probability = np.column_stack([score, 1 - score, np.full(len(score), 0.4)]) + 0.1
    probability /= probability.sum(axis=1, keepdims=True)
    predicted, counted = probability.argmax(axis=1), {"sample_weight": weight}
    some, present = bool(weight.sum()), weight > 0
    classes = np.union1d(truth[present], predicted[present])
    accuracy = judged(sk.accuracy_score, truth, predicted, needs=some, **counted)
    always = judged(sk.accuracy_score, truth, np.ones(len(truth), int), needs=some, **counted)
    macro = {"average": "macro", "labels": classes, "zero_division": 0, **counted}
    loss = {"labels": [0, 1, 2], **counted}
    expected = {
        "macro_f1": judged(sk.f1_score, truth, predicted, needs=some, **macro),
        "accuracy": accuracy,
        "log_loss": judged(sk.log_loss, truth, probability, needs=some, **loss),
        "better_than_majority": accuracy - always,
    }
    predictions = Multiclass(truth, probability, majority=1)
    assert metric_values(predictions, weight) == pytest.approx(expected, nan_ok=True)
    assert (predictions.confusion() == sk.confusion_matrix(truth, predicted, labels=range(3))).all()


@given(drawn=rows)
def test_errors_of_forecasts_are_those_of_scikit_learn(drawn):
    _, forecast, _, label, weight = arrays(drawn)
    truth, counted = label * 1.0, {"sample_weight": weight}
    naive = {"last": forecast**2, "mean": 1 - forecast}
    some = bool(weight.sum())

    def error(prediction, function=sk.mean_absolute_error):
        return judged(function, truth, prediction, needs=some, **counted)

    best = min(error(each) for each in naive.values())
    expected = {
        "mae": error(forecast),
        "rmse": error(forecast, sk.root_mean_squared_error),
        "better_than_naive": 1 - error(forecast) / best if best else np.nan,
    }
    found = metric_values(Regression(truth, forecast, naive), weight)
    assert found == pytest.approx(expected, nan_ok=True)


@given(drawn=rows, alerts=st.integers(1, 9), shift=st.integers(0, 6))
def test_metrics_of_a_capacity_a_week_use_the_highest_scores_from_monday_to_sunday(
    drawn, alerts, shift
):
    truth, score, day, _, _ = arrays(drawn)
    day = day * 3 + shift + 19_999  # three days of one week or of two
    weeks = {}
    for place, number in enumerate(day):
        moment = date(1970, 1, 1) + timedelta(days=int(number))
        weeks.setdefault(moment.isocalendar()[:2], []).append((-score[place], place))
    reviewed = [place for rows in weeks.values() for _, place in sorted(rows)[:alerts]]
    hits = sum(truth[place] for place in reviewed)
    predictions = Binary(truth, score, score >= 0.5).with_capacity(WEEK, day, alerts)
    found = metric_values(
        predictions, only=["precision_at_capacity", "recall_at_capacity", *ALERTS_PER.values()]
    )
    assert found["precision_at_capacity"] == pytest.approx(hits / len(reviewed))
    assert found["alerts_per_week"] == pytest.approx((score >= 0.5).sum() / len(weeks))
    assert "alerts_per_day" not in found
    if truth.any():
        assert found["recall_at_capacity"] == pytest.approx(hits / truth.sum())


@given(drawn=rows, alerts=st.integers(1, 5))
def test_metrics_at_capacity_use_each_days_highest_scores(drawn, alerts):
    truth, score, day, _, _ = arrays(drawn)
    by_day = defaultdict(list)
    for place, today in enumerate(day.tolist()):
        by_day[today].append((-score[place], place))
    reviewed = [place for today in by_day.values() for _, place in sorted(today)[:alerts]]
    hits = sum(bool(truth[place]) for place in reviewed)
    predictions = Binary(truth, score, score >= 0.5, day, alerts)
    found = metric_values(predictions, only=[m.name for m in metrics_of("binary")])
    assert found["precision_at_capacity"] == pytest.approx(hits / len(reviewed))
    recall = hits / truth.sum() if truth.any() else np.nan
    assert found["recall_at_capacity"] == pytest.approx(recall, nan_ok=True)
    assert found["alerts_per_day"] == pytest.approx((score >= 0.5).sum() / len(by_day))
    ratio = truth.sum() / score.sum() if score.any() else np.nan
    assert found["observed_over_expected"] == pytest.approx(ratio, nan_ok=True)


@given(drawn=rows, times=st.data())
def test_a_row_of_weight_n_counts_like_n_rows_in_every_binary_metric(drawn, times):
    truth, score, day, _, _ = arrays(drawn)
    weight = np.array(times.draw(st.lists(st.integers(0, 3), min_size=len(day), max_size=len(day))))
    names = [metric.name for metric in metrics_of("binary")]
    found = metric_values(Binary(truth, score, score >= 0.5, day, ALERTS), weight * 1.0, names)
    truth, score, day = (np.repeat(each, weight) for each in (truth, score, day))
    repeated = metric_values(Binary(truth, score, score >= 0.5, day, ALERTS), only=names)
    assert found == pytest.approx(repeated, nan_ok=True)


def examples(task, broken=False, rows=4):
    """Predictions with every attribute that a metric may need."""
    score = np.array([0.9, 0.2, 0.4, 0.1])
    score[2] = np.nan if broken else score[2]
    score, day = score[:rows], np.zeros(rows, int)
    truth = np.array([True, False, True, False])[:rows]
    return {
        "binary": Binary(truth, score, truth, day, ALERTS),
        "regression": Regression(truth * 1.0, score, {"naive": np.zeros(rows)}),
        "multiclass": Multiclass(truth * 1, np.column_stack([1 - score, score]), 0),
    }[task]


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
def test_nothing_is_computed_from_a_prediction_that_is_nan(task):
    names = [metric.name for metric in metrics_of(task) if "week" not in metric.needs]
    assert np.isfinite(list(metric_values(examples(task), only=names).values())).all()
    found = metric_values(examples(task, broken=True), only=names)
    assert list(found) == names
    assert np.isnan(list(found.values())).all()


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
def test_without_rows_every_metric_is_undetermined_and_none_is_favourable(task):
    names = [metric.name for metric in metrics_of(task)]
    found = metric_values(examples(task, rows=0), only=names)
    assert found.pop("precision", 0) == 0
    assert np.isnan(list(found.values())).all()


def test_only_requested_metrics_that_can_be_computed_are_returned():
    predictions = Binary(np.array([True, False]), np.array([0.9, 0.1]))
    assert metric_values(predictions, only=["recall", "auc_roc"]) == {"auc_roc": 1.0}
    assert set(metric_values(predictions)) == {"average_precision", "auc_roc", "log_loss"}


def test_an_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(
        UnknownMetric, match="'luck' is not a regression metric; choose one of mae, rm"
    ):
        find_metric("luck", "regression")
    with pytest.raises(
        UnknownMetric, match="'mae' is not a binary metric; choose one of average_pre"
    ):
        metric_value(examples("binary"), "mae")
    with pytest.raises(UnknownMetric, match="recall needs predictions with `flagged`"):
        metric_value(Binary(np.array([True]), np.array([0.9])), "recall")


def test_every_metric_has_a_unique_name_a_label_and_a_description():
    names = [metric.name for metric in metrics_of()]
    assert len(set(names)) == len(names)
    for metric in metrics_of():
        assert all((metric.label, metric.description, metric.source)), metric.name


def test_a_metric_is_added_in_one_place(monkeypatch, detector):
    def brier(predictions, weights):
        return float(np.average((predictions.score - predictions.truth) ** 2, weights=weights))

    added = Metric(
        name="brier",
        tasks=("binary",),
        label="Brier score",
        description="mean squared error of scores",
        unit="nats",
        better="lower",
        function=brier,
        source="Brier, Monthly Weather Review 78, 1950",
    )
    gate = {"gates": [{"metric": "brier", "at_most": 0.1}]}
    with pytest.raises(ValueError, match="'brier' is not a metric of binary models"):
        detector(**gate)
    monkeypatch.setattr(catalogue, "METRICS", (*catalogue.METRICS, added))
    assert metric_values(examples("binary"))["brier"] == pytest.approx(0.105)
    assert detector(**gate).gates[0].metric == "brier"
    assert metric_name("brier") == added.label
    assert metric_note("brier") == f"{added.description}, lower is better"
    assert "brier" in ordered_metrics("binary")
    assert find_metric("brier").lower_is_better
