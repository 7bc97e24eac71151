import numpy as np
import pytest
from scipy import stats

from lakehouse.evaluation.intervals import interval_of, metric_intervals
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.resampling import Resampling
from lakehouse.evaluation.scales import IDENTITY, LOG, LOGIT

NORMAL = np.random.default_rng(3).normal(size=4000)


def test_the_interval_of_a_symmetric_distribution_is_students():
    found = interval_of(50.0, 50 + 2 * NORMAL, evidence=10, scale=IDENTITY, level=0.9)
    assert (found.value, found.level) == (50.0, 0.9)
    reach = 2 * stats.t(9).ppf(0.95)
    assert (found.low, found.high) == pytest.approx((50 - reach, 50 + reach), rel=0.01)


def test_the_end_towards_the_long_tail_is_farther_away():
    left = 0.9 - 0.01 * np.random.default_rng(3).gamma(2, size=4000)
    found = interval_of(0.88, left, evidence=50, scale=LOGIT)
    assert found.value - found.low > 1.5 * (found.high - found.value)


@pytest.mark.parametrize("value", [0.001, 0.5, 0.999])
def test_an_interval_of_a_share_never_leaves_0_and_1(value):
    found = interval_of(value, np.clip(value + 0.2 * NORMAL, 0, 1), evidence=3, scale=LOGIT)
    assert 0 < found.low < value < found.high < 1


def test_a_share_of_one_or_zero_has_the_exact_interval_of_as_many_trials():
    exact = stats.binomtest(55, 55).proportion_ci()
    found = interval_of(1.0, np.ones(200), evidence=55, scale=LOGIT)
    assert (found.low, found.high) == pytest.approx((exact.low, 1.0))
    found = interval_of(0.0, np.zeros(200), evidence=55, scale=LOGIT)
    assert (found.low, found.high) == pytest.approx((0.0, 1 - exact.low))


def test_a_value_that_does_not_vary_has_an_interval_of_no_length():
    found = interval_of(0.5, np.full(200, 0.5), evidence=55, scale=LOGIT)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_a_loss_is_never_below_0():
    found = interval_of(0.02, np.abs(0.02 + 0.02 * NORMAL), evidence=5, scale=LOG)
    assert 0 < found.low < 0.02 < found.high


def test_an_undetermined_value_has_no_interval():
    assert interval_of(float("nan"), np.arange(10.0), 9, IDENTITY) is None
    mostly = np.append(np.arange(96.0), [np.nan] * 4)
    assert interval_of(50.0, mostly, 9, IDENTITY) is not None
    assert interval_of(50.0, np.append(mostly, [np.nan] * 4), 9, IDENTITY) is None


def test_an_auc_without_a_miss_has_an_interval_below_1():
    truth = np.arange(200) < 40
    found = metric_intervals(Binary(truth, truth * 1.0), Resampling.of(200), ["auc_roc"])
    assert (found["auc_roc"].value, found["auc_roc"].high) == (1.0, 1.0)
    assert found["auc_roc"].low == pytest.approx(0.025 ** (1 / 40))


def world(seed):
    """Rows of 80 cards; a card's rows share their truth and most of their score."""
    random = np.random.default_rng(seed)
    card = np.repeat(np.arange(80), 6)
    truth = (random.random(80) < 0.5)[card]
    score = random.normal(size=80)[card] + truth + 0.3 * random.normal(size=480)
    return card, Binary(truth, score)


@pytest.mark.slow
def test_clustered_intervals_cover_the_true_value_where_row_by_row_ones_do_not():
    true = np.mean([metric_values(world(seed)[1])["auc_roc"] for seed in range(1000, 1400)])
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
    assert found.keys() == metric_values(predictions).keys()
    for name, value in metric_values(predictions).items():
        assert found[name].value == pytest.approx(value)
        assert found[name].low < value < found[name].high
