import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.evaluation.calibration_error import (
    calibration,
    calibration_bins,
    expected_calibration_error,
)

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


def test_scores_that_are_twice_the_chance_are_told_from_those_that_are_it():
    truth = RANDOM.random(3000) < SCORE / 2
    found = calibration(truth, before=SCORE, after=SCORE / 2)
    assert found.error_before == pytest.approx(SCORE.mean() / 2, abs=0.02)
    assert found.error_after < 0.03
    assert found.bins == calibration_bins(truth, SCORE / 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40), st.randoms())
def test_equal_scores_share_a_bin_so_the_order_of_rows_is_no_matter(rows, shuffle):
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
