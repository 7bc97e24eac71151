import dataclasses

import numpy as np
import pytest

from lakehouse.models import calibration
from lakehouse.models.columns import fit_columns
from lakehouse.models.model import Parent
from lakehouse.models.prior import prior_shift, shift_odds
from lakehouse.models.threshold import first_threshold
from lakehouse.training.choosing.choice import Choice, choose
from lakehouse.training.fitting.assembly import fit_model
from lakehouse.training.fitting.collapse import Collapsed
from lakehouse.training.fitting.cross_fitting import out_of_fold
from lakehouse.training.fitting.fold_examples import fold_data
from lakehouse.training.fitting.warm_start import MAX_INHERITED, WarmStart, _difference
from lakehouse.training.sets.dataset import training_set
from lakehouse.training.sets.training_data import load_training_data

FOLDS = {"count": 2, "length": "3d"}
PCA = {"name": "turned", "kind": "pca", "columns": ["amount_eur", "risk"], "components": 2}


@pytest.fixture
def training_data(world, lake):
    return lambda spec: load_training_data(spec, lake, training_set(spec, lake))


def fit(spec, training_data, start=None, choice=None):
    return fit_model(spec, training_data, choice or Choice(spec.params), start or WarmStart(), 1)


def test_calibration_is_fitted_on_all_folds_and_on_the_models_own_validation_rows(
    detector, training_data
):
    spec = detector(folds=FOLDS, calibration="sigmoid", rounds=200)
    data = training_data(spec)
    fitted = fit(spec, data)
    card, found, newest = fitted.model.card, fitted.out_of_fold, data.validation
    assert card.notes == ()
    assert sorted(set(found.fold)) == [0, 1]
    last = fold_data(spec, data.schema, data.train, data.folds[1])
    boosted = last.fit(card.params, card.rounds, stop=False)
    assert boosted.rounds == card.rounds < spec.rounds
    np.testing.assert_array_equal(found.uncalibrated[found.fold == 1], last.predict(boosted))
    raw = fitted.model.booster.predict(newest.matrix)
    score = np.concatenate([found.uncalibrated, raw])
    expected = calibration.fit_calibration(
        "sigmoid", score, np.concatenate([found.rows.label, newest.label])
    )
    assert card.calibration == expected
    customers = (newest.entities["customer_id"],)
    calibrated = calibration.apply(expected, raw)
    assert card.shift == prior_shift(calibrated, newest.label > 0, customers)
    np.testing.assert_array_equal(
        found.prediction, shift_odds(calibration.apply(expected, found.uncalibrated), card.shift)
    )
    final = fitted.model.predict(newest.matrix)
    np.testing.assert_array_equal(final, shift_odds(calibrated, card.shift))
    cut = first_threshold(spec, final, newest.day, None, newest.label)
    assert (card.threshold, card.ties) == (cut.threshold, cut.ties)


@pytest.mark.parametrize(
    "imbalance", [{}, {"method": "weights", "ratio": 20}, {"method": "undersample", "ratio": 1}]
)
def test_training_stops_at_the_smallest_log_loss_at_the_true_base_rate(
    detector, training_data, imbalance
):
    """Not at the maximum of average precision, which few positives reach after a few trees."""
    spec = detector(imbalance=imbalance, rounds=120, early_stopping=25)
    data = training_data(spec)
    model = fit(spec, data).model
    rows, positive = data.validation, data.validation.label > 0

    def loss(rounds):
        """Proper for odds that are too high: a negative counts the less."""
        p = fitted.booster.predict(rows.matrix, num_iteration=rounds)
        negative = np.log1p(-p[~positive]).sum() / model.card.odds
        return -(np.log(p[positive]).sum() + negative)

    endless = spec.model_copy(update={"early_stopping": 0, "rounds": model.card.rounds + 25})
    fitted = fit(endless, data).model
    losses = [loss(rounds) for rounds in range(1, model.card.rounds + 25)]
    assert 1 + int(np.argmin(losses)) == model.card.rounds


def test_no_fold_trains_on_the_rows_it_scores_or_on_later_ones(detector, training_data):
    spec = detector(folds=FOLDS)
    data = training_data(spec)

    def scored(rows):
        params = {**spec.params, "objective": "binary", "verbosity": -1, "num_threads": 1}
        return out_of_fold(spec, data.schema, rows, data.folds, None, params, 10)

    rows, first = data.train, data.folds[0]
    later = ~first.train_mask(rows)
    changed = dataclasses.replace(rows, label=np.where(later, 1 - rows.label, rows.label))
    before, after = scored(rows), scored(changed)
    in_first = before.fold == 0
    np.testing.assert_array_equal(before.uncalibrated[in_first], after.uncalibrated[in_first])
    assert not np.array_equal(before.uncalibrated[~in_first], after.uncalibrated[~in_first])
    assert (before.rows.label[in_first] != after.rows.label[in_first]).all()


@pytest.mark.parametrize(
    "imbalance", [{"method": "weights", "ratio": 20}, {"method": "undersample", "ratio": 1}]
)
def test_scores_are_corrected_to_the_true_base_rate(detector, training_data, imbalance):
    spec = detector(folds=FOLDS, imbalance=imbalance, rounds=40, early_stopping=0)
    data = training_data(spec)
    fitted = fit(spec, data)
    matrix, truth = data.validation.matrix, data.validation.label
    raw, corrected = fitted.model.booster.predict(matrix), fitted.model.predict(matrix)
    np.testing.assert_array_equal(np.argsort(raw), np.argsort(corrected))

    def loss(p):
        return -np.log(np.where(truth > 0, p, 1 - p)).mean()

    assert abs(corrected.mean() - truth.mean()) < 0.5 * abs(raw.mean() - truth.mean())
    assert loss(corrected) < loss(raw)
    score = fitted.out_of_fold.uncalibrated
    assert score.mean() == pytest.approx(fitted.out_of_fold.rows.label.mean(), rel=0.35)


def test_too_short_a_history_is_noted_and_the_threshold_comes_from_validation(
    detector, training_data
):
    spec = detector(calibration="isotonic", search={"space": {"num_leaves": {"choices": [3, 7]}}})
    data = training_data(spec)
    fitted = fit(spec, data)
    assert fitted.out_of_fold is None
    rows = data.validation
    raw = fitted.model.booster.predict(rows.matrix)
    assert fitted.model.card.calibration == calibration.fit_calibration("isotonic", raw, rows.label)
    assert fitted.model.card.notes == (
        "the training period is too short for a walk-forward fold: no search, "
        "calibration uses only validation rows, the threshold is taken from validation rows",
    )
    cut = first_threshold(spec, fitted.model.predict(rows.matrix), rows.day, None, rows.label)
    assert (fitted.model.card.threshold, fitted.model.card.ties) == (cut.threshold, cut.ties)
    nine = detector(folds={"count": 9, "length": "3d"})
    assert fit(nine, training_data(nine)).model.card.notes == (
        "4 of 9 folds: history is too short",
    )


@pytest.mark.parametrize(
    ("capacity", "notes"),
    [
        ({"alerts": 60}, ()),
        (
            {"alerts": 61},
            ("capacity exceeds the rows: 60.0 rows a day (validation) for 61 alerts",),
        ),
        (
            {"alerts": 9, "unit": "customer_id"},
            ("capacity exceeds the rows: 8.0 customer_id a day (validation) for 9 alerts",),
        ),
    ],
)
def test_a_capacity_above_the_number_of_rows_is_noted(detector, training_data, capacity, notes):
    spec = detector(folds=FOLDS, capacity=capacity)
    assert fit(spec, training_data(spec)).model.card.notes == notes


@pytest.mark.parametrize("method", ["permutation", "null_importance"])
def test_a_useless_feature_is_left_out_with_a_reason(lake, detector, training_data, method):
    spec = detector(folds=FOLDS, selection={"method": method, "groups": {"risks": ["risk*"]}})
    data = training_data(spec)
    choice = choose(spec, lake, data)
    verdicts = {group.group: group for group in choice.selection}
    assert {name: v.kept for name, v in verdicts.items()} == {
        "amount_eur": True,
        "channel": False,
        "risks": True,
    }
    assert verdicts["risks"].features == ("risk", "risky")
    noise = verdicts["channel"]
    assert noise.figure <= noise.bound
    assert noise.reason.startswith("left out: ")
    fitted = fit(spec, data, choice=choice)
    card = fitted.model.card
    assert card.inputs == ("amount_eur", "risk", "risky")
    assert (card.features.names, card.features.categories) == (list(card.inputs), {})
    assert set(card.importance) == {*card.inputs}
    assert card.selection == choice.selection
    assert fitted.rows["train"].matrix.shape[1] == 3
    assert choose(spec, lake, data) == choice


def test_a_row_gets_the_same_prediction_alone_and_in_a_batch_with_every_step_enabled(
    detector, training_data
):
    spec = detector(
        folds=FOLDS,
        calibration="isotonic",
        imbalance={"method": "undersample", "ratio": 2},
        extraction=[PCA],
    )
    data = training_data(spec)
    kept = ("amount_eur", "turned_2")
    fitted = fit(spec, data, choice=Choice(spec.params, kept))
    model = fitted.model
    assert model.card.inputs == kept
    assert model.card.features.names == ["amount_eur", "risk"], (
        "risk is only an input of the extraction"
    )
    matrix = fitted.rows["validation"].matrix
    together = model.predict(matrix)
    alone = np.array([model.predict(row[None])[0] for row in matrix[:50]])
    np.testing.assert_array_equal(together[:50], alone)
    reread = type(model.card).model_validate_json(fitted.files["model.json"])
    np.testing.assert_array_equal(type(model)(reread, model.trees).predict(matrix), together)


def test_extractions_are_fitted_on_training_rows_only(detector, training_data):
    spec = detector(folds=FOLDS, extraction=[PCA])
    data = training_data(spec)
    fitted = fit(spec, data)
    none = np.zeros(0, dtype=int)
    wild = dataclasses.replace(data, validation=data.validation.take(none))
    assert fit(spec, wild).model.card.extraction == fitted.model.card.extraction


def warm_start_problem(spec, data, parent):
    columns = fit_columns(spec, data.schema, data.train.matrix)
    return _difference(spec, parent.model, columns, data.classes)


def test_a_warm_start_continues_from_the_parents_trees(lake, detector, training_data):
    spec = detector(folds=FOLDS, warm_start=True)
    data = training_data(spec)
    parent = fit(spec, data)
    assert warm_start_problem(spec, data, parent) == ""
    card = parent.model.card
    record = Parent(version="v1", trees_sha256=card.trees_sha256, rounds=card.rounds)
    fitted = fit(spec, data, WarmStart(record, parent.model.booster))
    assert fitted.model.card.parent == record
    assert fitted.model.card.rounds > card.rounds
    matrix = data.validation.matrix
    np.testing.assert_array_equal(
        fitted.model.booster.predict(matrix, num_iteration=card.rounds),
        parent.model.booster.predict(matrix),
    )


def test_a_warm_start_requires_a_parent_with_the_same_inputs(detector, training_data):
    spec = detector(warm_start=True)
    data = training_data(spec)
    parent = fit(spec, data)
    fewer = detector(warm_start=True, exclude=["risky"])
    assert "has other features (risky)" in warm_start_problem(fewer, training_data(fewer), parent)
    turned = detector(warm_start=True, extraction=[PCA])
    assert "has other features (turned_1, turned_2)" in warm_start_problem(turned, data, parent)
    weighted = detector(warm_start=True, imbalance={"method": "weights"})
    assert "has another `imbalance`" in warm_start_problem(weighted, data, parent)
    card = parent.model.card
    long_card = card.model_copy(update={"rounds": MAX_INHERITED * spec.rounds + 1})
    grown = dataclasses.replace(parent, model=type(parent.model)(long_card, parent.model.trees))
    assert "too many" in warm_start_problem(spec, data, grown)
    channels = data.schema.with_categories({"channel": ("chip", "online")})
    other = dataclasses.replace(data, schema=channels)
    assert "has other features (channel)" in warm_start_problem(spec, other, parent)


def test_a_run_that_is_hardly_better_than_chance_makes_no_model(detector, training_data):
    spec = detector(params={"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 5})
    data = training_data(spec)
    random = np.random.default_rng(0)
    shuffled = dataclasses.replace(
        data, train=dataclasses.replace(data.train, label=random.permutation(data.train.label))
    )
    with pytest.raises(Collapsed, match="hardly better than chance"):
        fit(spec, shuffled)
    fit(spec, data)
