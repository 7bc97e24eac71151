import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from lakehouse.evaluation.predictions import Binary, Regression
from lakehouse.evaluation.probes import (
    lone_feature_probe,
    lone_feature_strengths,
    overfitting_gap,
    shuffled_label_probe,
)

RANDOM = np.random.default_rng(2)
ROWS = 1000
TRUTH = RANDOM.random(ROWS) < 0.3
NOISE = RANDOM.normal(size=ROWS)


@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.one_of(st.none(), st.integers(0, 4))), min_size=2, max_size=30
    )
)
def test_a_features_auc_is_that_of_its_values_with_missing_ones_at_the_better_end(rows):
    truth = np.array([each for each, _ in rows])
    column = np.array([np.nan if each is None else each for _, each in rows])
    (found,) = lone_feature_strengths(column[:, None], truth, [truth])
    if truth.all() or not truth.any():
        assert found == 0.5
        return
    ends = [roc_auc_score(truth, np.nan_to_num(column, nan=end)) for end in (-1.0, 9.0)]
    assert found == pytest.approx(max(max(auc, 1 - auc) for auc in ends))


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 4))),
        min_size=3,
        max_size=30,
    )
)
def test_a_features_rank_correlation_is_that_of_pandas(rows):
    pandas = pytest.importorskip("pandas")
    truth = np.array([each for each, _ in rows], dtype=float)
    column = np.array([np.nan if each is None else each for _, each in rows])
    (found,) = lone_feature_strengths(column[:, None], truth, None)
    ranks = pandas.Series(truth).rank().to_numpy()
    ends = [
        pandas.Series(np.nan_to_num(column, nan=end)).rank().to_numpy()
        for end in ((9.0, -1.0) if np.isnan(column).any() else (9.0,))
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = max(abs(np.nan_to_num(np.corrcoef(each, ranks)[0, 1])) for each in ends)
    assert found == pytest.approx(expected, abs=1e-9)


def test_of_several_classes_the_best_separated_one_counts():
    truth = RANDOM.integers(0, 3, ROWS)
    matrix = np.column_stack([truth == 2, NOISE])
    one_class, nothing = lone_feature_strengths(matrix, truth, [truth == each for each in range(3)])
    assert one_class == 1.0
    assert nothing < 0.6


def test_a_feature_that_leaks_the_label_is_named_and_legitimate_ones_are_not():
    matrix = np.column_stack([NOISE, TRUTH + 0.05 * NOISE, TRUTH + NOISE]).astype(np.float32)
    names = ["noise", "chargeback_id", "risk"]
    found = lone_feature_probe(names, matrix, TRUTH, [TRUTH])
    assert not found.passed
    assert found.value > 0.99
    assert "chargeback_id" in found.explanation
    assert "risk" not in found.explanation
    assert lone_feature_probe(names[::2], matrix[:, ::2], TRUTH, [TRUTH]).passed


def test_a_label_leaked_by_missing_values_is_detected():
    column = np.where(TRUTH, np.nan, NOISE)
    assert not lone_feature_probe(["closed_at"], column[:, None], TRUTH, [TRUTH]).passed


def test_a_model_that_learns_shuffled_labels_is_caught_and_one_that_cannot_is_not():
    shuffled = RANDOM.permutation(TRUTH)
    honest = [
        shuffled_label_probe(
            Binary(shuffled, np.random.default_rng(seed).random(ROWS)), "auc_roc", seed=seed
        )
        for seed in range(20)
    ]
    assert all(probe.passed for probe in honest)
    leaking = shuffled_label_probe(
        Binary(shuffled, 0.3 * shuffled + RANDOM.random(ROWS)), "auc_roc"
    )
    assert not leaking.passed
    assert 0.5 < leaking.bound < leaking.value


def test_the_shuffled_label_probe_treats_a_smaller_loss_as_better():
    assert shuffled_label_probe(Regression(NOISE, RANDOM.normal(size=ROWS)), "mae").passed
    assert not shuffled_label_probe(Regression(NOISE, 0.3 * NOISE), "mae").passed


def test_a_probe_without_positives_does_not_pass():
    found = shuffled_label_probe(Binary(np.zeros(5, bool), np.arange(5.0)), "auc_roc")
    assert (found.value, found.passed) == (None, False)


def test_the_gap_is_how_much_better_a_metric_is_on_training_rows():
    train, test = {"auc_roc": 0.95, "log_loss": 0.1, "f1": None}, {"auc_roc": 0.85, "log_loss": 0.3}
    gap = overfitting_gap(train, test, ["auc_roc", "log_loss", "f1"])
    assert gap == pytest.approx({"auc_roc": 0.1, "log_loss": 0.2})
