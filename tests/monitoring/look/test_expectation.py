import numpy as np
import pytest

from lakehouse.evaluation.expectations import expected_average_precision, expected_metrics
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary

RANDOM = np.random.default_rng(3)
SCORES = {
    "distinct": RANDOM.beta(0.3, 3, 600),
    "tied": np.round(RANDOM.beta(0.5, 3, 600), 1),
}


@pytest.mark.parametrize("kind", SCORES)
def test_the_expected_metric_is_the_mean_over_labels_drawn_from_the_scores(kind):
    score = SCORES[kind]
    flagged = score >= 0.4
    day = np.zeros(len(score), dtype=np.int64)
    drawn = []
    for _ in range(1500):
        truth = RANDOM.random(len(score)) < score
        values = metric_values(Binary(truth, score, flagged, day, 20))
        drawn.append({"positives": truth.sum(), **values})
    expected = expected_metrics(score, flagged, alerts=20)
    for metric in expected:
        mean = np.mean([one[metric] for one in drawn])
        assert expected[metric] == pytest.approx(mean, rel=0.01), metric


def test_certain_scores_have_a_perfect_expectation():
    score = np.array([0.0, 1.0, 1.0, 0.0])
    assert expected_average_precision(score) == 1.0


def test_an_undefined_expectation_is_none():
    found = expected_metrics(np.zeros(5), np.zeros(5, dtype=bool), alerts=2)
    assert found["precision"] is None
    assert found["recall"] is None
    assert found["average_precision"] is None
    assert expected_average_precision(np.empty(0)) is None
