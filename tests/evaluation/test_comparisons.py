import numpy as np
import pytest

from lakehouse.evaluation.comparisons import compare
from lakehouse.evaluation.intervals import metric_intervals
from lakehouse.evaluation.predictions import Binary, Regression
from lakehouse.evaluation.resampling import Resampling

RANDOM = np.random.default_rng(5)
ROWS = 3000
CARD = RANDOM.integers(0, 300, ROWS)
TRUTH = RANDOM.random(ROWS) < 0.06
NOISE = RANDOM.normal(size=ROWS)
RESAMPLING = Resampling.of(ROWS, CARD)


def scores(signal, seed=0, own_noise=0.1):
    """Logistic scores of `signal` times the truth, plus noise that is mostly shared."""
    own = np.random.default_rng(seed).normal(size=ROWS)
    return 1 / (1 + np.exp(3 - signal * TRUTH - NOISE - own_noise * own))


def compared(ours, theirs, metric="average_precision", **options):
    (found,) = compare(
        ours,
        theirs,
        RESAMPLING,
        against="champion",
        version="v1",
        metrics=[metric],
        **options,
    )
    return found


def test_a_better_score_is_called_better_and_the_other_way_round_worse():
    good, bad = Binary(TRUTH, scores(2.5)), Binary(TRUTH, scores(1.5))
    found = compared(good, bad)
    assert found.verdict == "better"
    assert found.difference.value == pytest.approx(found.ours - found.theirs)
    width = found.difference.high - found.difference.low
    assert found.standard_error == pytest.approx(width / (2 * 1.96), rel=0.2)
    assert compared(bad, good).verdict == "worse"


def test_of_losses_the_smaller_is_better():
    truth = RANDOM.normal(size=ROWS)
    near, far = Regression(truth, truth + NOISE), Regression(truth, truth + 1.2 * NOISE)
    assert compared(near, far, "mae").verdict == "better"
    assert compared(far, near, "mae").verdict == "worse"


def test_equally_good_scores_rarely_show_a_difference():
    verdicts = [
        compared(Binary(TRUTH, scores(2.0, seed)), Binary(TRUTH, scores(2.0, seed + 1))).verdict
        for seed in range(0, 80, 2)
    ]
    assert verdicts.count("no difference shown") >= 34


def test_differences_are_paired_so_shared_variation_cancels():
    ours, theirs = Binary(TRUTH, scores(2.0)), Binary(TRUTH, scores(1.8))
    paired = compared(ours, theirs).difference
    alone = metric_intervals(ours, RESAMPLING, ["average_precision"])["average_precision"]
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_with_few_positives_nothing_is_decided():
    good, bad = Binary(TRUTH, scores(4.0)), Binary(TRUTH, scores(0.0))
    found = compared(good, bad, minimum_positives=int(TRUTH.sum()) + 1)
    assert found.verdict == "insufficient"
    assert found.difference is not None


def test_an_undetermined_metric_is_none_and_insufficient():
    truth = np.ones(ROWS, dtype=bool)
    found = compared(Binary(truth, scores(1.0)), Binary(truth, scores(2.0)), "auc_roc")
    assert (found.ours, found.difference, found.verdict) == (None, None, "insufficient")


def test_other_rows_and_unknown_metrics_are_refused():
    ours = Binary(TRUTH, scores(2.0))
    with pytest.raises(ValueError, match="same rows"):
        compared(ours, Binary(~TRUTH, scores(2.0)))
    with pytest.raises(ValueError, match=r"cannot compare mae: .* auc_roc"):
        compared(ours, ours, "mae")
