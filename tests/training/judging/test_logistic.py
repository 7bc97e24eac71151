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


def ask(task, label, **changes):
    matrix, _ = rows()
    asked, effect = rows(seed=1)
    arguments = {"categories": [3], "classes": 3} | changes
    return challenger_scores(find_task(task), matrix, label, asked, **arguments), effect


def test_a_linear_truth_is_found_again_codes_included():
    _, effect = rows()
    label = (np.random.default_rng(2).random(len(effect)) < 1 / (1 + np.exp(-effect))) * 1.0
    score, truth = ask("binary", label)
    likely = 1 / (1 + np.exp(-truth))
    assert np.abs(score - likely).mean() < 0.03
    as_number, _ = ask("binary", label, categories=[])
    assert roc_auc_score(truth > 0, as_number) < roc_auc_score(truth > 0, score)


def test_a_forecast_is_in_the_labels_unit():
    _, effect = rows()
    forecast, truth = ask("regression", 100 + 5 * effect)
    assert forecast == pytest.approx(100 + 5 * truth, abs=0.1)


def test_classes_that_training_lacks_have_no_probability():
    _, effect = rows()
    probability, truth = ask("multiclass", np.where(effect > 0, 2.0, 0.0))
    assert probability.shape == (len(truth), 3)
    assert (probability[:, 1] == 0).all()
    assert (probability.argmax(axis=1) == np.where(truth > 0, 2, 0)).mean() > 0.95


def test_a_constant_column_an_empty_one_and_an_outlier_break_nothing():
    matrix, effect = rows()
    label = (effect > 0) * 1.0
    matrix[:, 2] = np.nan
    matrix[0, 0] = 1e30
    asked = matrix.copy()
    asked[:, 1] = np.nan
    score = challenger_scores(find_task("binary"), matrix, label, asked, categories=[3], classes=0)
    assert np.isfinite(score).all()
    assert roc_auc_score(label > 0, score) > 0.8


def test_what_training_never_saw_vary_says_nothing_and_what_is_far_outside_no_more_than_far():
    matrix, effect = rows()
    matrix[:, 2] = 7
    asked = np.repeat(matrix[:1], 4, axis=0)
    asked[1, 2] = 8
    asked[2, 0], asked[3, 0] = 1e10, 1e20
    likely = 1 / (1 + np.exp(-effect / 10))
    label = (np.random.default_rng(2).random(len(effect)) < likely) * 1.0
    usual, constant, far, farther = challenger_scores(
        find_task("binary"), matrix, label, asked, categories=[3], classes=0
    )
    assert constant == usual
    assert far == farther < 0.9
