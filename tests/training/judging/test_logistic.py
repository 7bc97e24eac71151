import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lakehouse.models.tasks import find_task
from lakehouse.training.judging.logistic import challenger_scores


def rows(count=4000, seed=0):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(count, 4)).astype(np.float32)
    matrix[:, 1] = matrix[:, 1] * 1000 + 50_000
    matrix[:, 3] = random.integers(0, 4, count)
    effect = (
        matrix[:, 0]
        + (matrix[:, 1] - 50_000) / 1000
        + np.array([2, -2, 1, -1])[matrix[:, 3].astype(int)]
    )
    matrix[random.random(count) < 0.1, 2] = np.nan
    return matrix, effect


def predict(task, label, **changes):
    matrix, _ = rows()
    scored, effect = rows(seed=1)
    arguments = {"categories": [3], "classes": 3} | changes
    return challenger_scores(find_task(task), matrix, label, scored, **arguments), effect


def test_a_linear_truth_is_recovered_including_codes():
    _, effect = rows()
    label = (np.random.default_rng(2).random(len(effect)) < 1 / (1 + np.exp(-effect))) * 1.0
    score, truth = predict("binary", label)
    likely = 1 / (1 + np.exp(-truth))
    assert np.abs(score - likely).mean() < 0.03
    as_number, _ = predict("binary", label, categories=[])
    assert roc_auc_score(truth > 0, as_number) < roc_auc_score(truth > 0, score)


def test_a_forecast_is_in_the_labels_unit():
    _, effect = rows()
    forecast, truth = predict("regression", 100 + 5 * effect)
    assert forecast == pytest.approx(100 + 5 * truth, abs=0.1)


def test_classes_that_training_lacks_have_no_probability():
    _, effect = rows()
    probability, truth = predict("multiclass", np.where(effect > 0, 2.0, 0.0))
    assert probability.shape == (len(truth), 3)
    assert (probability[:, 1] == 0).all()
    assert (probability.argmax(axis=1) == np.where(truth > 0, 2, 0)).mean() > 0.95


def test_constant_and_empty_columns_and_outliers_are_accepted():
    matrix, effect = rows()
    label = (effect > 0) * 1.0
    matrix[:, 2] = np.nan
    matrix[0, 0] = 1e30
    scored = matrix.copy()
    scored[:, 1] = np.nan
    score = challenger_scores(find_task("binary"), matrix, label, scored, categories=[3], classes=0)
    assert np.isfinite(score).all()
    assert roc_auc_score(label > 0, score) > 0.8


def test_constant_training_columns_have_no_effect_and_outliers_a_bounded_one():
    matrix, effect = rows()
    matrix[:, 2] = 7
    scored = np.repeat(matrix[:1], 4, axis=0)
    scored[1, 2] = 8
    scored[2, 0], scored[3, 0] = 1e10, 1e20
    likely = 1 / (1 + np.exp(-effect / 10))
    label = (np.random.default_rng(2).random(len(effect)) < likely) * 1.0
    usual, constant, far, farther = challenger_scores(
        find_task("binary"), matrix, label, scored, categories=[3], classes=0
    )
    assert constant == usual
    assert far == farther < 0.9
