import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lakehouse.models.calibration import Calibrator, apply, fit_calibration


def scores(rows=4000, seed=0, sharp=1.0):
    """Scores whose true probability is known: sigmoid(sharp * logit(score) - 1)."""
    random = np.random.default_rng(seed)
    score = random.beta(1, 5, rows)
    true = 1 / (1 + np.exp(-(sharp * np.log(score / (1 - score)) - 1)))
    return score, (random.random(rows) < true).astype(float)


def classes(rows=3000, seed=0):
    """Class probabilities that are the true ones squared and normalized: overconfident."""
    random = np.random.default_rng(seed)
    true = random.dirichlet([1, 1, 1], rows)
    label = np.array([random.choice(3, p=p) for p in true])
    sure = true**2
    return sure / sure.sum(axis=1, keepdims=True), label.astype(float)


def test_a_sigmoid_is_platts_logistic_regression_on_logits():
    from sklearn.linear_model import LogisticRegression

    score, label = scores()
    fitted = fit_calibration("sigmoid", score, label)
    positives, negatives = label.sum(), (1 - label).sum()
    target = np.where(label > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    x = np.log(score / (1 - score))[:, None]
    judge = LogisticRegression(C=np.inf, tol=1e-10).fit(
        np.vstack([x, x]),
        np.repeat([1, 0], len(score)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    assert fitted.slope == pytest.approx(judge.coef_[0, 0], rel=1e-4)
    assert fitted.intercept == pytest.approx(judge.intercept_[0], rel=1e-4)


def test_isotonic_blocks_match_scikit_learn_within_the_mixed_in_hundredth():
    from sklearn.isotonic import IsotonicRegression

    score, label = scores()
    score = np.round(score, 3)  # with ties
    ((centres, shares),) = fit_calibration("isotonic", score, label).curves
    judge = IsotonicRegression().fit(score, label)
    assert shares == pytest.approx(sorted(set(judge.predict(score))))
    calibrator = fit_calibration("isotonic", score, label)
    for between in (np.array(centres), (np.array(centres)[1:] + centres[:-1]) / 2):
        line = np.interp(between, centres, shares)
        assert apply(calibrator, between) == pytest.approx(0.99 * line + 0.01 * between)


def test_a_temperature_undoes_overconfident_classes():
    probability, label = classes()
    fitted = fit_calibration("sigmoid", probability, label)
    assert fitted.sharpness == pytest.approx(0.5, abs=0.05)
    calibrated = apply(fitted, probability)
    assert (calibrated.argmax(axis=1) == probability.argmax(axis=1)).all()

    def loss(p):
        return -np.log(p[np.arange(len(label)), label.astype(int)]).mean()

    sharpnesses = np.linspace(0.3, 0.8, 101)
    best = min(loss((p := probability**s) / p.sum(axis=1, keepdims=True)) for s in sharpnesses)
    assert loss(calibrated) <= best + 1e-9


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_calibrated_scores_match_observed_frequencies(kind):
    score, label = scores(40_000, seed=1, sharp=0.5)
    calibrator = fit_calibration(kind, score, label)
    fresh, truth = scores(40_000, seed=2, sharp=0.5)
    calibrated = apply(calibrator, fresh)
    for part in np.array_split(np.argsort(calibrated), 10):
        assert calibrated[part].mean() == pytest.approx(truth[part].mean(), abs=0.025)
    assert abs(fresh.mean() - truth.mean()) > 0.03, "uncalibrated it would not hold"


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["sigmoid", "isotonic"]),
    digits=st.sampled_from([1, 2, 15]),
    scores=st.lists(st.floats(0, 1), min_size=2, max_size=30),
)
def test_calibration_keeps_the_order_and_gives_no_nan(seed, kind, digits, scores):
    random = np.random.default_rng(seed)
    score = np.round(random.random(200), digits)
    label = (random.random(200) < score * random.random()).astype(float)
    calibrator = fit_calibration(kind, score, label)
    if calibrator is None:
        return
    ordered = np.unique(scores)
    calibrated = apply(calibrator, ordered)
    assert np.isfinite(calibrated).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated) >= 0).all()
    inner = calibrated[(ordered > 1e-9) & (ordered < 1 - 1e-9)]
    apart = np.diff(ordered[(ordered > 1e-9) & (ordered < 1 - 1e-9)]) > 1e-9
    assert (np.diff(inner)[apart] > 0).all()


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_several_classes_still_sum_to_one(kind):
    probability, label = classes()
    calibrated = apply(fit_calibration(kind, probability, label), probability)
    assert calibrated.sum(axis=1) == pytest.approx(np.ones(len(label)))
    certain = np.eye(3)
    assert np.isfinite(apply(fit_calibration(kind, probability, label), certain)).all()


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("none", [0, 1] * 50),
        ("sigmoid", [0] * 95 + [1] * 5),
        ("isotonic", [1] * 95 + [0] * 5),
        ("sigmoid", [1] * 50 + [0] * 50),
        ("isotonic", []),
    ],
    ids=["not requested", "few positives", "few negatives", "upside down", "no rows"],
)
def test_insufficient_rows_give_no_calibrator_and_change_nothing(kind, label):
    score = np.linspace(0.01, 0.99, len(label))
    assert fit_calibration(kind, score, np.array(label, dtype=float)) is None
    assert apply(None, score) is score


@pytest.mark.parametrize("make", [scores, classes])
@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_a_calibrator_survives_json_to_the_bit(make, kind):
    score, label = make()
    calibrator = fit_calibration(kind, score, label)
    read = TypeAdapter(Calibrator).validate_json(calibrator.model_dump_json())
    assert (apply(read, score) == apply(calibrator, score)).all()


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_calibrating_no_rows_gives_no_rows(kind):
    random = np.random.default_rng(1)
    truth = random.random(400) < 0.3
    calibrator = fit_calibration(kind, np.clip(0.5 * truth + random.random(400) / 2, 0, 1), truth)
    assert apply(calibrator, np.empty(0)).shape == (0,)
