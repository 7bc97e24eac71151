"""Two versions on the same rows are compared in the metrics that both have for them."""

import numpy as np
import pytest

from lakehouse.evaluation.pair import Pair
from lakehouse.evaluation.predictions import Binary

RANDOM = np.random.default_rng(3)
ROWS = 800
CARD = RANDOM.integers(0, 100, ROWS)
TRUTH = RANDOM.random(ROWS) < 0.2
SCORE = RANDOM.random(ROWS)
METRICS = ("average_precision", "recall", "auc_roc")


def compared(first: Binary, second: Binary, seed: int = 1):
    return Pair("rows", first, second, [CARD]).compare(
        METRICS, against="last", version="v1", minimum_positives=10, repeats=100, seed=seed
    )


def test_a_metric_that_only_one_of_them_has_is_left_out() -> None:
    decides, ranks = Binary(TRUTH, SCORE, SCORE >= 0.5), Binary(TRUTH, SCORE)
    assert [found.metric for found in compared(decides, ranks)] == ["average_precision", "auc_roc"]
    assert [found.metric for found in compared(decides, decides)] == list(METRICS)


def test_the_difference_is_first_minus_second_and_changes_sign_when_they_are_swapped() -> None:
    better, worse = Binary(TRUTH, SCORE + TRUTH), Binary(TRUTH, SCORE)
    ahead, behind = compared(better, worse), compared(worse, better)
    for one, other in zip(ahead, behind, strict=True):
        assert (one.verdict, other.verdict) == ("better", "worse")
        assert one.difference is not None
        assert other.difference is not None
        assert one.difference.value == pytest.approx(-other.difference.value)
        assert one.version == "v1"


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    better, worse = Binary(TRUTH, SCORE + TRUTH), Binary(TRUTH, SCORE)
    assert compared(better, worse) == compared(better, worse)
    assert compared(better, worse) != compared(better, worse, seed=2)
