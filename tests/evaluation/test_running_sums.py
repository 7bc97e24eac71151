import numpy as np
import pytest

from lakehouse.evaluation.running_sums import RunningSums


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_sums_before_positions_are_those_of_sorted_weights(rows):
    random = np.random.default_rng(rows)
    order, weights = random.permutation(rows), random.integers(0, 5, rows) * 1.0
    positions = random.integers(0, rows + 1, 20)
    expected = [weights[order][:position].sum() for position in positions]
    np.testing.assert_array_equal(RunningSums.of(order, positions).before(weights), expected)
    nowhere = np.array([], dtype=np.int64)
    assert RunningSums.of(order, nowhere).before(weights).tolist() == []
