import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.models.imbalance import balance, correct_odds, subsample
from lakehouse.models.spec import Imbalance, Search
from lakehouse.models.tasks import find_task
from lakehouse.training.fitting.fold_examples import weight_rows

LABELS = st.lists(st.booleans(), min_size=20, max_size=300).filter(
    lambda values: 0 < sum(values) < len(values)
)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.01, 1000))
def test_the_correction_inverts_the_multiplication_of_odds(p, odds):
    raised = p * odds / (1 - p)
    assert correct_odds(np.array([raised / (1 + raised)]), odds)[0] == pytest.approx(p, rel=1e-9)


def test_the_correction_is_that_of_dal_pozzolo_for_undersampling():
    score, kept = np.linspace(0.01, 0.99, 50), 0.05
    theirs = kept * score / (kept * score - score + 1)
    np.testing.assert_allclose(correct_odds(score, 1 / kept), theirs, rtol=1e-12)


def test_correct_odds_change_no_bit():
    score = np.random.default_rng(0).random(100)
    assert correct_odds(score, 1.0) is score


@given(LABELS, st.floats(0.2, 20))
def test_undersampling_keeps_every_positive_and_the_declared_number_of_negatives(labels, ratio):
    label = np.array(labels, dtype=float)
    result = balance(Imbalance(method="undersample", ratio=ratio), label, 7)
    positives, negatives = label.sum(), (label == 0).sum()
    kept = label[result.positions]
    assert kept.sum() == positives
    assert (kept == 0).sum() == min(negatives, round(ratio * positives))
    assert result.odds == pytest.approx(negatives / max(1, (kept == 0).sum()))
    assert (np.diff(result.positions) > 0).all()


@given(LABELS)
def test_by_default_weights_balance_positives_and_negatives(labels):
    label = np.array(labels, dtype=float)
    result = balance(Imbalance(method="weights"), label, 7)
    assert result.weight[label > 0].sum() == pytest.approx(result.weight[label == 0].sum())
    assert balance(Imbalance(method="weights", ratio=3), label, 7).odds == 3


@given(st.lists(st.integers(0, 3), min_size=50, max_size=400), st.floats(0.1, 0.9))
def test_subsampling_affects_only_the_commonest_class_and_weights_compensate(labels, share):
    label = np.array(labels, dtype=float)
    result = subsample(find_task("multiclass"), label, share, 3)
    if result.positions is None:
        return
    values, counts = np.unique(label, return_counts=True)
    for value, count in zip(values, counts, strict=True):
        chosen = label[result.positions] == value
        assert result.weight[chosen].sum() == pytest.approx(count)
        if value != values[counts.argmax()]:
            assert chosen.sum() == count
    assert result.odds == 1


def test_sampled_rows_depend_only_on_the_seed_and_show_no_pattern():
    label = np.zeros(10_000)
    label[::100] = 1
    undersampled = Imbalance(method="undersample", ratio=10)
    a, b = balance(undersampled, label, 1), balance(undersampled, label, 1)
    np.testing.assert_array_equal(a.positions, b.positions)
    assert set(a.positions) != set(balance(undersampled, label, 2).positions)
    kept = a.positions[label[a.positions] == 0]
    halves = (kept < 5000).sum(), (kept % 2 == 0).sum()
    assert all(400 < half < 600 for half in halves)


def test_undersampling_with_subsampling_keeps_the_odds_of_one_and_the_weights_of_the_other(
    detector,
):
    spec = detector(imbalance={"method": "undersample", "ratio": 10})
    label = np.zeros(5000)
    label[::50] = 1
    result = weight_rows(spec, label, 0.5)
    kept = label[result.positions]
    assert (kept.sum(), (kept == 0).sum()) == (100, 500)
    assert result.odds == pytest.approx(4900 / 1000)
    assert set(result.weight[kept == 0]) == {2.0}
    weighted = weight_rows(detector(imbalance={"method": "weights", "ratio": 5}), label, 0.5)
    assert set(weighted.weight[label[weighted.positions] > 0]) == {5.0}
    assert set(weighted.weight[label[weighted.positions] == 0]) == {2.0}


def test_a_search_uses_all_rows_by_default():
    assert Search(space={"num_leaves": {"choices": [3, 7]}}).sample == 1.0
