import numpy as np
import pytest

from lakehouse.evaluation.resampling import Resampling, resample

RANDOM = np.random.default_rng(7)
ROWS = 600
CARD = RANDOM.integers(0, 60, ROWS)
TERMINAL = RANDOM.integers(0, 25, ROWS)
VALUE = RANDOM.normal(size=60)[CARD] + RANDOM.normal(size=25)[TERMINAL] + RANDOM.normal(size=ROWS)


def mean(weights):
    return np.array([np.sum(weights * VALUE) / np.sum(weights)])


def cluster_variance(*keys):
    """Sandwich variance of a mean by clusters: squared sums of residuals, in plain Python."""
    sums = {}
    for key, residual in zip(zip(*keys, strict=True), VALUE - VALUE.mean(), strict=True):
        sums[key] = sums.get(key, 0.0) + residual
    return sum(each**2 for each in sums.values()) / ROWS**2


def spread(*keys):
    return resample(mean, Resampling.of(ROWS, *keys, repeats=2000)).std()


def test_one_key_gives_the_standard_error_of_clustered_rows():
    assert spread(CARD) == pytest.approx(cluster_variance(CARD) ** 0.5, rel=0.1)
    assert spread() == pytest.approx(cluster_variance(range(ROWS)) ** 0.5, rel=0.1)
    assert spread(CARD) > 1.5 * spread()


def test_two_crossed_keys_add_their_variances_minus_the_common_part():
    both = cluster_variance(CARD) + cluster_variance(TERMINAL) - cluster_variance(CARD, TERMINAL)
    assert spread(CARD, TERMINAL) == pytest.approx(both**0.5, rel=0.1)


def test_two_equivalent_keys_count_as_one():
    assert spread(CARD, CARD + 1000) == pytest.approx(spread(CARD), rel=0.1)


def test_variation_that_cancels_within_one_key_does_not_hide_that_of_the_other():
    opposite = np.tile([1.0, -1.0], ROWS // 2)

    def mean(weights):
        return np.array([np.sum(weights * opposite) / np.sum(weights)])

    pairs = np.arange(ROWS) // 2
    found = resample(mean, Resampling.of(ROWS, np.arange(ROWS), pairs, repeats=2000))
    assert found.std() == pytest.approx(ROWS**-0.5, rel=0.1)


def test_without_clustering_two_keys_do_not_change_the_spread():
    card, terminal = RANDOM.permutation(ROWS) // 2, RANDOM.permutation(ROWS) // 2
    assert spread(card, terminal) == pytest.approx(spread(), rel=0.15)


@pytest.mark.parametrize("keys", [(), (CARD,), (CARD, TERMINAL)])
def test_the_same_seed_gives_the_same_repeats_and_another_does_not(keys):
    first, again, other = (
        resample(mean, Resampling.of(ROWS, *keys, repeats=5, seed=seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (5, 1)
    assert (first == again).all()
    assert (first != other).all()


def test_rows_of_a_cluster_are_drawn_together_and_the_number_of_clusters_is_kept():
    key = np.array(["b", "a", "b", "c"])
    for weights in resample(lambda w: w.copy(), Resampling.of(4, key, repeats=20)):
        assert weights[0] == weights[2]
        assert weights[[0, 1, 3]].sum() == 3


def test_repeats_stay_within_the_range_of_the_resamples():
    hit = np.arange(ROWS) > 2

    def share(weights):
        return np.array([np.sum(weights * hit) / np.sum(weights)])

    assert resample(share, Resampling.of(ROWS, CARD, TERMINAL)).max() <= 1


def test_a_value_that_no_resample_determines_is_nan():
    found = resample(lambda w: np.array([np.nan]), Resampling.of(ROWS, CARD, TERMINAL, repeats=4))
    assert np.isnan(found).all()


def test_a_key_of_another_length_and_a_third_key_are_refused():
    with pytest.raises(ValueError, match="at most two keys of 600 values"):
        Resampling.of(ROWS, CARD[:-1])
    with pytest.raises(ValueError, match="at most two keys"):
        Resampling.of(ROWS, CARD, CARD, CARD)
