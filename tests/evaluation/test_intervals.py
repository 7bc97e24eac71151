import numpy as np
import pytest

from lakehouse.evaluation.intervals import metric_intervals, percentile_interval
from lakehouse.evaluation.resample import Resampling
from lakehouse.evaluation.weighted import Binary


def test_an_interval_leaves_out_the_tails():
    found = percentile_interval(50.0, np.arange(101.0), level=0.9)
    assert (found.value, found.level) == (50.0, 0.9)
    assert (found.low, found.high) == pytest.approx((5.0, 95.0))


def test_what_cannot_be_told_has_no_interval():
    assert percentile_interval(float("nan"), np.arange(10.0)) is None
    mostly = np.append(np.arange(96.0), [np.nan] * 4)
    assert percentile_interval(50.0, mostly) is not None
    assert percentile_interval(50.0, np.append(mostly, [np.nan] * 4)) is None


def world(seed):
    """Rows of 80 cards; a card's rows share their truth and most of their score."""
    random = np.random.default_rng(seed)
    card = np.repeat(np.arange(80), 6)
    truth = (random.random(80) < 0.5)[card]
    score = random.normal(size=80)[card] + truth + 0.3 * random.normal(size=480)
    return card, Binary(truth, score)


@pytest.mark.slow
def test_clustered_intervals_cover_the_true_value_where_row_by_row_ones_do_not():
    true = np.mean([world(seed)[1].metrics()["auc_roc"] for seed in range(1000, 1400)])
    covered = {"card": 0, "row": 0}
    for seed in range(100):
        card, predictions = world(seed)
        for name, keys in {"card": (card,), "row": ()}.items():
            resampling = Resampling.of(480, *keys)
            found = metric_intervals(predictions, resampling, ["auc_roc"])["auc_roc"]
            covered[name] += found.low <= true <= found.high
    assert covered["card"] >= 88
    assert covered["row"] <= 75


def test_every_metric_gets_an_interval_around_its_value():
    card, predictions = world(1)
    found = metric_intervals(predictions, Resampling.of(480, card))
    assert found.keys() == predictions.metrics().keys()
    for name, value in predictions.metrics().items():
        assert found[name].value == pytest.approx(value)
        assert found[name].low < value < found[name].high
