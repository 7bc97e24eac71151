from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.evaluation import metrics

rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=60
)


def arrays(drawn):
    truth, score, day = map(np.array, zip(*drawn, strict=True))
    return truth.astype(bool), score / 6, day


@pytest.fixture(scope="module")
def judge():
    return pytest.importorskip("sklearn.metrics")


@settings(max_examples=40)
@given(drawn=rows)
def test_ranking_metrics_agree_with_scikit_learn_ties_included(judge, drawn):
    truth, score, _ = arrays(drawn)
    if truth.all() or not truth.any():
        assert np.isnan(metrics.auc_roc(truth, score))
        return
    assert metrics.auc_roc(truth, score) == pytest.approx(judge.roc_auc_score(truth, score))
    expected = judge.average_precision_score(truth, score)
    assert metrics.average_precision(truth, score) == pytest.approx(expected)
    probability = np.column_stack([1 - score, score])
    expected = judge.log_loss(truth, probability, labels=[0, 1])
    assert metrics.log_loss(truth.astype(int), probability) == pytest.approx(expected)


@settings(max_examples=40)
@given(drawn=rows)
def test_decision_metrics_agree_with_scikit_learn(judge, drawn):
    truth, score, _ = arrays(drawn)
    flagged = score >= 0.5
    found = metrics.decisions(truth, flagged)
    assert found["accuracy"] == pytest.approx(judge.accuracy_score(truth, flagged))
    assert found["precision"] == pytest.approx(
        judge.precision_score(truth, flagged, zero_division=0)
    )
    if truth.any():
        assert found["recall"] == pytest.approx(judge.recall_score(truth, flagged))
        assert found["f1"] == pytest.approx(judge.f1_score(truth, flagged))


@settings(max_examples=40)
@given(drawn=rows)
def test_multiclass_metrics_agree_with_scikit_learn(judge, drawn):
    _, score, truth = arrays(drawn)
    predicted = np.minimum((score * 4).astype(int), 3)
    assert metrics.macro_f1(truth, predicted, 4) == pytest.approx(
        judge.f1_score(truth, predicted, average="macro", zero_division=0)
    )
    expected = judge.confusion_matrix(truth, predicted, labels=range(4))
    assert (metrics.confusion(truth, predicted, 4) == expected).all()


@given(drawn=rows, alerts=st.integers(1, 5))
def test_precision_at_capacity_is_that_of_each_days_highest_scores(drawn, alerts):
    truth, score, day = arrays(drawn)
    by_day = defaultdict(list)
    for place, today in enumerate(day.tolist()):
        by_day[today].append((-score[place], place))
    looked_at = [place for today in by_day.values() for _, place in sorted(today)[:alerts]]
    hits = sum(bool(truth[place]) for place in looked_at)
    found = metrics.at_capacity(day, truth, score, alerts)
    assert found["precision_at_capacity"] == pytest.approx(hits / len(looked_at))
    if truth.any():
        assert found["recall_at_capacity"] == pytest.approx(hits / truth.sum())


def test_card_precision_counts_a_found_card_once_and_ranks_by_its_highest_score():
    day = np.array([0, 0, 0, 1, 1, 1])
    card = np.array([1, 1, 2, 1, 2, 3])
    truth = np.array([False, True, False, True, True, False])
    score = np.array([0.1, 0.9, 0.5, 0.9, 0.4, 0.3])
    # day 0: card 1 found. Day 1: card 1 is left out, so cards 2 (fraud) and 3 fill the two places
    assert metrics.card_precision(day, card, truth, score, cards=1) == pytest.approx(1.0)
    assert metrics.card_precision(day, card, truth, score, cards=2) == pytest.approx(0.5)


def test_errors_are_mean_absolute_and_root_mean_square():
    found = metrics.errors(np.array([1.0, 2.0]), np.array([2.0, 5.0]))
    assert found == {"mae": 2.0, "rmse": pytest.approx(5**0.5)}


def test_without_rows_every_metric_is_unknown_and_none_is_flattering():
    none, day = np.zeros(0, bool), np.zeros(0, np.int64)
    found = metrics.decisions(none, none) | metrics.at_capacity(day, none, np.zeros(0), 5)
    assert found.pop("precision") == 0
    assert all(np.isnan(value) for value in found.values())
