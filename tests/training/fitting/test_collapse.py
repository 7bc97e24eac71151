"""How often the guard rejects sound and collapsed models, measured by simulation."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lakehouse.training.fitting.collapse import Collapsed, refuse_collapse
from lakehouse.training.sets.rows import Rows


def rows_of(label, days=14):
    n = len(label)
    return Rows(
        matrix=np.zeros((n, 1), dtype=np.float32),
        label=np.asarray(label, dtype=float),
        day=np.arange(n) % days,
        naive={},
        label_known_at=np.zeros(n, dtype=np.int64),
        entities={},
    )


def collapsed(spec, label, prediction, train_label=None):
    label = np.asarray(label, dtype=float)
    try:
        refuse_collapse(
            spec,
            rows_of(label),
            prediction,
            label if train_label is None else train_label,
            "validation",
        )
    except Collapsed:
        return True
    return False


def scores(random, label, shift):
    """Normal scores; a shift of 0.286 gives an AUC of .58, of 0.74 one of .70."""
    return random.normal(size=len(label)) + shift * label


def share(spec, positives, shift, repeats=60):
    label = np.zeros(positives * 50)
    label[:positives] = 1
    verdicts = [
        collapsed(spec, label, scores(np.random.default_rng(i), label, shift))
        for i in range(repeats)
    ]
    return np.mean(verdicts)


@pytest.mark.parametrize(
    ("positives", "shift", "least", "most"),
    [
        (400, 0.286, 0.9, 1.0),  # the handbook's collapse, observed on two weeks
        (400, 0.0, 1.0, 1.0),
        (100, 0.0, 0.9, 1.0),
        (400, 0.74, 0.0, 0.0),
        (30, 0.74, 0.0, 0.02),  # a weak but sound model on few positives
        (400, 0.54, 0.0, 0.1),  # AUC .65: at the bound, so rarely rejected
        (5, -1.0, 0.0, 0.0),  # five positives are too few to reject
    ],
)
def test_a_binary_model_collapsed_when_its_auc_is_significantly_near_chance(
    detector, positives, shift, least, most
):
    spec = detector(judging={"near_chance": 0.65})
    assert least <= share(spec, positives, shift) <= most


def test_without_a_bound_of_its_own_only_a_model_that_learned_nothing_has_collapsed(detector):
    assert share(detector(), 400, 0.0) >= 0.9
    assert share(detector(), 400, 0.286) == 0, "an AUC of .58 is all that some problems allow"


def test_the_shift_in_these_tests_gives_the_stated_auc():
    label = np.zeros(100_000)
    label[:5000] = 1
    score = scores(np.random.default_rng(0), label, 0.286)
    assert roc_auc_score(label > 0, score) == pytest.approx(0.58, abs=0.01)


def test_the_message_names_metric_value_baseline_and_causes(detector):
    label = np.zeros(5000)
    label[:500] = 1
    with pytest.raises(
        Collapsed,
        match=r"detector is hardly better than chance: auc_roc 0\.500 on validation rows "
        r"\(500 positives\), where guessing reaches 0\.5.*`learning_rate` 0\.2 is too high.*"
        r"champion stays",
    ):
        refuse_collapse(detector(), rows_of(label), np.full(5000, 0.3), label, "validation")


def test_a_forecast_collapsed_when_it_saves_significantly_nothing_over_a_constant(forecast):
    random = np.random.default_rng(1)
    label = random.gamma(2, 50, 4000)
    assert collapsed(forecast(), label, np.full(4000, np.median(label)))
    assert collapsed(forecast(), label, random.permutation(label))
    assert not collapsed(forecast(), label, label + random.normal(0, 60, 4000))
    mean = np.full(4000, label.mean())
    slightly = mean + 0.3 * (label - mean)
    assert not collapsed(forecast(), label, slightly)


def test_a_forecast_with_one_bad_day_has_not_collapsed(forecast):
    random = np.random.default_rng(4)
    label = random.gamma(2, 50, 4000)
    today = np.arange(4000) % 14 == 3  # as in `rows_of`
    prediction = np.where(today, label + 1500, label + random.normal(0, 40, 4000))
    assert np.abs(prediction - label).mean() > np.abs(np.median(label) - label).mean()
    assert not collapsed(forecast(), label, prediction)


def test_a_forecast_of_the_mean_need_not_beat_the_median(forecast):
    random = np.random.default_rng(2)
    rate = random.choice([0.05, 0.15], 6000)
    label = (random.random(6000) < rate) * 1000.0  # mostly nothing: the median is 0
    assert not collapsed(forecast(), label, rate * 1000)


def test_classes_collapsed_when_they_are_predicted_no_better_than_their_shares(scenario):
    random = np.random.default_rng(3)
    label = random.choice(3, 3000, p=[0.6, 0.3, 0.1]).astype(float)
    shares = np.tile(np.bincount(label.astype(int)) / 3000, (3000, 1))
    assert collapsed(scenario(), label, shares)
    knowing = shares.copy()
    knowing[np.arange(3000), label.astype(int)] += 0.3
    assert not collapsed(scenario(), label, knowing / knowing.sum(axis=1, keepdims=True))
    assert not collapsed(scenario(), label[:100], shares[:100]), "a hundred rows are too few"
