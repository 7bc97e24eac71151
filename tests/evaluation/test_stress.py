import numpy as np
import pytest

from lakehouse.evaluation.stress import ADVERSARIAL, change_amounts, delay_columns, drop_columns

NAN = np.nan


def test_a_lost_set_is_missing_in_every_row_and_nothing_else_is():
    matrix = np.array([[1, NAN, 3], [4, NAN, 6], [NAN, NAN, 9]], dtype=np.float32)
    changed, share = drop_columns(matrix, [0, 1])
    np.testing.assert_array_equal(changed, [[NAN, NAN, 3], [NAN, NAN, 6], [NAN, NAN, 9]])
    assert share == pytest.approx(2 / 3)
    assert matrix[0, 0] == 1, "the rows themselves stay as they are"


def test_a_stale_set_is_that_of_the_entitys_last_row_of_an_earlier_day():
    # columns: amount, its multiple of the customer's usual amount, count of the set
    entity, day = np.array([7, 7, 8, 7, 8, 7]), np.array([1, 1, 1, 2, 4, 4])
    matrix = np.array(
        [[10, 1, 0], [20, 2, 1], [30, 3, 0], [40, 4, 5], [60, 5, 6], [80, 6, 7]], dtype=np.float32
    )
    changed, share = delay_columns(matrix, [1, 2], entity, day, amount=0, proportional=[0, 1])
    # row 3 has the set of row 1: the usual amount was 20 / 2 = 10, so 40 is four times that
    np.testing.assert_allclose(changed[3], [40, 4, 1])
    np.testing.assert_allclose(changed[4], [60, 6, 0])  # of row 2: 30 / 3 = 10
    np.testing.assert_allclose(changed[5], [80, 8, 5])  # of row 3: 40 / 4 = 10
    np.testing.assert_array_equal(changed[:3], matrix[:3])  # no earlier rows exist
    assert share == 3 / 6
    plain, _ = delay_columns(matrix, [1, 2], entity, day)
    np.testing.assert_array_equal(plain[3:, 1:], matrix[[1, 2, 3], 1:])


def test_stale_values_come_only_from_earlier_days_of_the_same_entity():
    random = np.random.default_rng(0)
    entity, day = random.integers(0, 5, 200), np.sort(random.integers(0, 9, 200))
    matrix = np.arange(200, dtype=np.float32)[:, None]
    changed, _ = delay_columns(matrix, [0], entity, day)
    for row in range(200):
        earlier = [i for i in range(row) if entity[i] == entity[row] and day[i] < day[row]]
        assert changed[row, 0] == (max(earlier) if earlier else row)


def test_amounts_change_together_with_their_multiples_in_the_chosen_rows_only():
    matrix = np.array([[2300, 2.3, 5], [4000, 1, 5], [0, 0, 5], [NAN, NAN, 5]], dtype=np.float32)
    rows = np.array([True, False, True, True])
    halved, share = change_amounts(matrix, [0, 1], rows, lambda amount: amount / 2)
    np.testing.assert_allclose(halved[:, 0], [1150, 4000, 0, NAN])
    np.testing.assert_allclose(halved[:, 1], [1.15, 1, 0, NAN], rtol=1e-6)
    np.testing.assert_array_equal(halved[:, 2], 5)
    assert share == 1 / 4
    _, share = change_amounts(matrix, [0, 1], np.zeros(4, bool), lambda amount: amount / 2)
    assert share == 0


def test_adversaries_round_and_stay_below_the_median():
    amount = np.array([123.0, 4567.0, 98.0, 7.0])
    changes = {name: change(amount).tolist() for name, (_, change) in ADVERSARIAL.items()}
    assert changes["positives in round amounts (one digit)"] == [100, 5000, 100, 7]
    assert changes["positives just below the median positive"] == [109.5, 109.5, 98, 7]
    assert changes["positives take half the amount"] == [61.5, 2283.5, 49, 3.5]
    assert changes["all amounts a hundred times too large"] == [12300, 456700, 9800, 700]
