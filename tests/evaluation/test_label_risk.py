import numpy as np
import pytest

from lakehouse.evaluation.label_risk import hidden_scenarios, late_scenario, reversed_scenario
from lakehouse.evaluation.metrics import metric_value
from lakehouse.evaluation.predictions import Binary

RANDOM = np.random.default_rng(5)
TRUTH = RANDOM.random(4000) < 0.05
SCORE = np.clip(RANDOM.random(4000) * 0.3 + TRUTH * 0.3, 0, 1)


def precision(truth):
    return metric_value(Binary(truth, SCORE), "average_precision")


def test_late_reports_count_as_positives():
    late = ~TRUTH & (np.arange(4000) % 40 == 0)
    found = late_scenario(TRUTH, late, precision)
    assert found.flipped == late.sum()
    assert found.value == precision(TRUTH | late)


def test_hidden_positives_are_a_share_of_all_positives_and_lower_the_metric():
    alike, by_score = hidden_scenarios(TRUTH, SCORE, 0.2, precision)
    # a fifth of all positives is hidden, which is a quarter of the visible ones
    assert alike.flipped == by_score.flipped == round(TRUTH.sum() / 4)
    assert alike.low <= alike.value <= alike.high
    assert alike.value < by_score.value, "what the score would find costs less"
    assert alike.value < precision(TRUTH)
    assert hidden_scenarios(TRUTH, SCORE, 0.2, precision) == (alike, by_score)


def test_random_reversals_remove_their_share_of_the_positives():
    found = reversed_scenario(TRUTH, 0.1, lambda truth: float(truth.sum()))
    assert found.flipped == round(TRUTH.sum() * 0.1)
    assert found.value == found.low == found.high == TRUTH.sum() - found.flipped


def test_without_flips_the_value_is_the_metric_and_without_positives_it_is_none():
    found = reversed_scenario(TRUTH, 0.0, precision)
    assert (found.flipped, found.value) == (0, pytest.approx(precision(TRUTH)))
    gone = reversed_scenario(TRUTH, 1.0, precision)
    assert (gone.value, gone.low) == (None, None)
