import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.evaluation.calibration_error import (
    calibration,
    calibration_bins,
    calibration_slope,
    expected_calibration_error,
    observed_over_expected,
)
from lakehouse.evaluation.resampling import Resampling

RANDOM = np.random.default_rng(1)
SCORE = RANDOM.random(3000) ** 3
TRUTH = RANDOM.random(3000) < SCORE


def plain_error(truth, score, bins):
    """Bins of equally many rows, in plain Python, for scores without ties."""
    rows = sorted(zip(score.tolist(), truth.tolist(), strict=True))
    size, total = len(rows) // bins, 0.0
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        total += abs(sum(s for s, _ in part) - sum(t for _, t in part))
    return total / len(rows)


def test_the_error_is_the_mean_distance_over_bins_of_equal_mass():
    bins = calibration_bins(TRUTH, SCORE, 15)
    assert [each.rows for each in bins] == [200] * 15
    assert expected_calibration_error(bins) == pytest.approx(plain_error(TRUTH, SCORE, 15))


def test_scores_of_twice_the_probability_have_a_larger_error_than_calibrated_ones():
    truth = RANDOM.random(3000) < SCORE / 2
    found = calibration(truth, before=SCORE, after=SCORE / 2)
    assert found.error_before == pytest.approx(SCORE.mean() / 2, abs=0.02)
    assert found.error_after < 0.03
    assert found.bins == calibration_bins(truth, SCORE / 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40), st.randoms())
def test_equal_scores_share_a_bin_so_the_order_of_rows_does_not_matter(rows, shuffle):
    def bins():
        truth, score = map(np.array, zip(*rows, strict=True))
        return calibration_bins(truth, score / 5, 4)

    found = bins()
    shuffle.shuffle(rows)
    assert [each.rows for each in bins()] == [each.rows for each in found]
    assert sum(each.rows for each in found) == len(rows)
    assert len(found) <= 4
    assert sum(each.rows * each.positive_share for each in found) == pytest.approx(
        sum(truth for truth, _ in rows)
    )


def test_a_constant_score_is_one_bin_and_no_rows_have_no_error():
    (only,) = calibration_bins(TRUTH, np.full(3000, 0.25))
    assert (only.rows, only.mean_score) == (3000, 0.25)
    assert expected_calibration_error(calibration_bins(np.zeros(0, bool), np.zeros(0))) is None


def test_single_rows_have_the_exact_poisson_limits():
    # 10 events of 10 expected: Garwood's limits of 10 are 4.795 and 18.39; the probabilities are so
    # small that a row's variance is that of a Poisson count
    truth = np.arange(1_000_000) < 10
    found = observed_over_expected(truth, np.full(1_000_000, 1e-5), Resampling.of(1_000_000))
    assert (found.value, found.level) == (1.0, 0.95)
    assert (found.low, found.high) == pytest.approx((0.4795, 1.839), rel=1e-3)


def test_zero_positives_have_an_upper_end_and_zero_scores_have_no_interval():
    none = np.zeros(100_000, bool)
    found = observed_over_expected(none, np.full(100_000, 1e-4), Resampling.of(100_000))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.3689, rel=1e-3)  # 3.689 events of 10 expected
    assert observed_over_expected(none, np.zeros(100_000), Resampling.of(100_000)) is None
    assert observed_over_expected(none[:0], np.zeros(0), Resampling.of(0)) is None


def test_positives_that_come_in_clusters_of_four_are_worth_a_quarter():
    truth = np.arange(400_000) < 40
    score, card = np.full(400_000, 1e-4), np.arange(400_000) // 4
    alone = observed_over_expected(truth, score, Resampling.of(400_000))
    cards = observed_over_expected(truth, score, Resampling.of(400_000, card))
    crossed = observed_over_expected(truth, score, Resampling.of(400_000, card, card))
    assert (alone.low, alone.high) == pytest.approx((28.58 / 40, 54.47 / 40), rel=1e-3)
    assert (cards.low, cards.high) == pytest.approx((0.4795, 1.839), rel=2e-3)
    assert crossed == cards


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "cards", "terminals", "base", "spread"),
    [
        (5_000, 500, 200, 0.004, 0.0),  # 20 positives, each independent
        (5_000, 500, 200, 0.01, 1.0),  # 50 positives
        (20_000, 500, 200, 0.003, 1.0),  # 60 positives
        (40_000, 2_000, 1_000, 0.005, 2.0),  # 195 positives
        (3_000, 300, 60, 0.006, 2.0),  # 18 positives on few terminals
    ],
)
def test_the_interval_covers_one_where_cards_and_terminals_differ(
    rows, cards, terminals, base, spread
):
    covered, worlds = 0, 400
    for seed in range(worlds):
        random = np.random.default_rng([seed, rows, int(base * 1e4)])
        card, terminal = random.integers(cards, size=rows), random.integers(terminals, size=rows)
        of_card, of_terminal = (
            random.gamma(1 / spread, spread, size=n) if spread else np.ones(n)
            for n in (cards, terminals)
        )
        score = base * random.gamma(0.5, 2, size=rows)
        chance = score * of_card[card] * of_terminal[terminal]
        score, chance = (np.where(chance < 1, each, 0.0) for each in (score, chance))
        truth = random.random(rows) < chance
        found = observed_over_expected(truth, score, Resampling.of(rows, card, terminal))
        covered += found.low <= 1 <= found.high
    assert covered / worlds >= 0.92


def test_the_slope_is_that_of_scikit_learn_without_a_penalty():
    from sklearn.linear_model import LogisticRegression

    odds = np.log(SCORE / (1 - SCORE))
    judge = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds[:, None], TRUTH)
    assert calibration_slope(TRUTH, SCORE) == pytest.approx(judge.coef_[0, 0], rel=1e-4)
    assert calibration_slope(TRUTH, SCORE) == pytest.approx(1, abs=0.1)
    extreme = 1 / (1 + np.exp(-2 * odds))
    assert calibration_slope(TRUTH, extreme) == pytest.approx(judge.coef_[0, 0] / 2, rel=1e-4)


def test_one_class_equal_scores_and_separated_classes_have_no_slope():
    assert calibration_slope(np.zeros(9, bool), SCORE[:9]) is None
    assert calibration_slope(TRUTH, np.full(3000, 0.3)) is None
    assert calibration_slope(SCORE > 0.5, SCORE) is None
    assert calibration_slope(SCORE < 0.5, SCORE) is None
    assert calibration_slope(TRUTH[:0], SCORE[:0]) is None


def test_scores_of_exactly_zero_and_one_have_a_slope():
    score = np.where(SCORE < 0.1, 0.0, np.where(SCORE > 0.9, 1.0, SCORE))
    assert 0 < calibration_slope(TRUTH, score) < 1
