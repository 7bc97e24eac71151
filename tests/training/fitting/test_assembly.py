import dataclasses

import numpy as np
import pytest

from lakehouse.models import calibration
from lakehouse.models.columns import fit_columns
from lakehouse.models.model import Parent
from lakehouse.models.prior import prior_shift, shifted
from lakehouse.models.threshold import first_threshold
from lakehouse.training.choosing.choice import Choice, choose
from lakehouse.training.fitting.assembly import make
from lakehouse.training.fitting.collapse import Collapsed
from lakehouse.training.fitting.cross_fitting import out_of_fold
from lakehouse.training.fitting.fold_examples import fold_data
from lakehouse.training.fitting.warm_start import MOST_INHERITED, Start, _difference
from lakehouse.training.sets.dataset import training_set
from lakehouse.training.sets.training_data import load_training_data

FOLDS = {"count": 2, "length": "3d"}
PCA = {"name": "turned", "kind": "pca", "columns": ["amount_eur", "risk"], "components": 2}


@pytest.fixture
def training_data(world, lake):
    return lambda spec: load_training_data(spec, lake, training_set(spec, lake))


def made_of(spec, training_data, start=None, choice=None):
    return make(spec, training_data, choice or Choice(spec.params), start or Start(), 1)


def test_calibration_is_fitted_to_all_folds_and_to_the_validation_rows_of_the_model_itself(
    detector, training_data
):
    spec = detector(folds=FOLDS, calibration="sigmoid", rounds=200)
    given = training_data(spec)
    made = made_of(spec, given)
    card, found, newest = made.model.card, made.out_of_fold, given.validation
    assert card.notes == ()
    assert sorted(set(found.fold)) == [0, 1]
    last = fold_data(spec, given.schema, given.train, given.folds[1])
    fitted = last.fit(card.params, card.rounds, stop=False)
    assert fitted.rounds == card.rounds < spec.rounds
    np.testing.assert_array_equal(found.uncalibrated[found.fold == 1], last.predict(fitted))
    raw = made.model.booster.predict(newest.matrix)
    score = np.concatenate([found.uncalibrated, raw])
    expected = calibration.fit_calibration(
        "sigmoid", score, np.concatenate([found.rows.label, newest.label])
    )
    assert card.calibration == expected
    customers = (newest.entities["customer_id"],)
    calibrated = calibration.apply(expected, raw)
    assert card.shift == prior_shift(calibrated, newest.label > 0, customers)
    np.testing.assert_array_equal(
        found.prediction, shifted(calibration.apply(expected, found.uncalibrated), card.shift)
    )
    final = made.model.predict(newest.matrix)
    np.testing.assert_array_equal(final, shifted(calibrated, card.shift))
    cut = first_threshold(spec, final, newest.day, None, newest.label)
    assert (card.threshold, card.ties) == (cut.threshold, cut.ties)


@pytest.mark.parametrize(
    "imbalance", [{}, {"method": "weights", "ratio": 20}, {"method": "undersample", "ratio": 1}]
)
def test_trees_stop_where_the_log_loss_at_the_true_base_rate_is_least(
    detector, training_data, imbalance
):
    """Not at the maximum of average precision, which few positives reach after a few trees."""
    spec = detector(imbalance=imbalance, rounds=120, early_stopping=25)
    given = training_data(spec)
    model = made_of(spec, given).model
    rows, positive = given.validation, given.validation.label > 0

    def loss(rounds):
        """Proper for odds that are too high: a negative counts the less."""
        p = made.booster.predict(rows.matrix, num_iteration=rounds)
        negative = np.log1p(-p[~positive]).sum() / model.card.odds
        return -(np.log(p[positive]).sum() + negative)

    endless = spec.model_copy(update={"early_stopping": 0, "rounds": model.card.rounds + 25})
    made = made_of(endless, given).model
    losses = [loss(rounds) for rounds in range(1, model.card.rounds + 25)]
    assert 1 + int(np.argmin(losses)) == model.card.rounds


def test_no_fold_learns_from_what_it_scores_or_from_what_came_later(detector, training_data):
    spec = detector(folds=FOLDS)
    given = training_data(spec)

    def scored(rows):
        params = {**spec.params, "objective": "binary", "verbosity": -1, "num_threads": 1}
        return out_of_fold(spec, given.schema, rows, given.folds, None, params, 10)

    rows, first = given.train, given.folds[0]
    later = ~first.learnt(rows)
    changed = dataclasses.replace(rows, label=np.where(later, 1 - rows.label, rows.label))
    before, after = scored(rows), scored(changed)
    mine = before.fold == 0
    np.testing.assert_array_equal(before.uncalibrated[mine], after.uncalibrated[mine])
    assert not np.array_equal(before.uncalibrated[~mine], after.uncalibrated[~mine])
    assert (before.rows.label[mine] != after.rows.label[mine]).all()


@pytest.mark.parametrize(
    "imbalance", [{"method": "weights", "ratio": 20}, {"method": "undersample", "ratio": 1}]
)
def test_scores_come_back_to_the_true_base_rate(detector, training_data, imbalance):
    spec = detector(folds=FOLDS, imbalance=imbalance, rounds=40, early_stopping=0)
    given = training_data(spec)
    made = made_of(spec, given)
    matrix, truth = given.validation.matrix, given.validation.label
    raw, corrected = made.model.booster.predict(matrix), made.model.predict(matrix)
    np.testing.assert_array_equal(np.argsort(raw), np.argsort(corrected))

    def loss(p):
        return -np.log(np.where(truth > 0, p, 1 - p)).mean()

    assert abs(corrected.mean() - truth.mean()) < 0.5 * abs(raw.mean() - truth.mean())
    assert loss(corrected) < loss(raw)
    score = made.out_of_fold.uncalibrated
    assert score.mean() == pytest.approx(made.out_of_fold.rows.label.mean(), rel=0.35)


def test_too_short_a_history_is_said_and_the_threshold_comes_from_validation(
    detector, training_data
):
    spec = detector(calibration="isotonic", search={"space": {"num_leaves": {"choices": [3, 7]}}})
    given = training_data(spec)
    made = made_of(spec, given)
    assert made.out_of_fold is None
    rows = given.validation
    raw = made.model.booster.predict(rows.matrix)
    assert made.model.card.calibration == calibration.fit_calibration("isotonic", raw, rows.label)
    assert made.model.card.notes == (
        "the training period is too short for a walk-forward fold: no search, "
        "calibration uses only validation rows, the threshold is taken from validation rows",
    )
    cut = first_threshold(spec, made.model.predict(rows.matrix), rows.day, None, rows.label)
    assert (made.model.card.threshold, made.model.card.ties) == (cut.threshold, cut.ties)
    nine = detector(folds={"count": 9, "length": "3d"})
    assert made_of(nine, training_data(nine)).model.card.notes == (
        "4 of 9 folds: history is too short",
    )


@pytest.mark.parametrize(
    ("capacity", "said"),
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
def test_a_capacity_that_there_are_too_few_rows_for_is_noted(
    detector, training_data, capacity, said
):
    spec = detector(folds=FOLDS, capacity=capacity)
    assert made_of(spec, training_data(spec)).model.card.notes == said


@pytest.mark.parametrize("method", ["permutation", "null_importance"])
def test_a_feature_that_earns_nothing_is_left_out_with_its_reason(
    lake, detector, training_data, method
):
    spec = detector(folds=FOLDS, selection={"method": method, "groups": {"risks": ["risk*"]}})
    given = training_data(spec)
    choice = choose(spec, lake, given)
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
    made = made_of(spec, given, choice=choice)
    card = made.model.card
    assert card.inputs == ("amount_eur", "risk", "risky")
    assert (card.features.names, card.features.categories) == (list(card.inputs), {})
    assert set(card.importance) == {*card.inputs}
    assert card.selection == choice.selection
    assert made.rows["train"].matrix.shape[1] == 3
    assert choose(spec, lake, given) == choice


def test_a_row_is_predicted_alike_alone_and_among_many_with_all_steps_on(detector, training_data):
    spec = detector(
        folds=FOLDS,
        calibration="isotonic",
        imbalance={"method": "undersample", "ratio": 2},
        extraction=[PCA],
    )
    given = training_data(spec)
    kept = ("amount_eur", "turned_2")
    made = made_of(spec, given, choice=Choice(spec.params, kept))
    model = made.model
    assert model.card.inputs == kept
    assert model.card.features.names == ["amount_eur", "risk"], "one of them only to be turned"
    matrix = made.rows["validation"].matrix
    together = model.predict(matrix)
    alone = np.array([model.predict(row[None])[0] for row in matrix[:50]])
    np.testing.assert_array_equal(together[:50], alone)
    reread = type(model.card).model_validate_json(made.files["model.json"])
    np.testing.assert_array_equal(type(model)(reread, model.trees).predict(matrix), together)


def test_extractions_are_fitted_to_training_rows_alone(detector, training_data):
    spec = detector(folds=FOLDS, extraction=[PCA])
    given = training_data(spec)
    made = made_of(spec, given)
    none = np.zeros(0, dtype=int)
    wild = dataclasses.replace(given, validation=given.validation.take(none))
    assert made_of(spec, wild).model.card.extraction == made.model.card.extraction


def start_of(spec, given, parent):
    columns = fit_columns(spec, given.schema, given.train.matrix)
    return _difference(spec, parent.model, columns, given.classes)


def test_a_warm_start_goes_on_from_the_parents_trees(lake, detector, training_data):
    spec = detector(folds=FOLDS, warm_start=True)
    given = training_data(spec)
    parent = made_of(spec, given)
    assert start_of(spec, given, parent) == ""
    card = parent.model.card
    record = Parent(version="v1", trees_sha256=card.trees_sha256, rounds=card.rounds)
    made = made_of(spec, given, Start(record, parent.model.booster))
    assert made.model.card.parent == record
    assert made.model.card.rounds > card.rounds
    matrix = given.validation.matrix
    np.testing.assert_array_equal(
        made.model.booster.predict(matrix, num_iteration=card.rounds),
        parent.model.booster.predict(matrix),
    )


def test_a_parent_that_saw_something_else_is_no_parent(detector, training_data):
    spec = detector(warm_start=True)
    given = training_data(spec)
    parent = made_of(spec, given)
    fewer = detector(warm_start=True, exclude=["risky"])
    assert "has other features (risky)" in start_of(fewer, training_data(fewer), parent)
    turned = detector(warm_start=True, extraction=[PCA])
    assert "has other extracted columns" in start_of(turned, given, parent)
    weighed = detector(warm_start=True, imbalance={"method": "weights"})
    assert "has another `imbalance`" in start_of(weighed, given, parent)
    card = parent.model.card
    tall = card.model_copy(update={"rounds": MOST_INHERITED * spec.rounds + 1})
    grown = dataclasses.replace(parent, model=type(parent.model)(tall, parent.model.trees))
    assert "too many" in start_of(spec, given, grown)
    channels = given.schema.with_categories({"channel": ("chip", "online")})
    other = dataclasses.replace(given, schema=channels)
    assert "has other features (channel)" in start_of(spec, other, parent)


def test_a_run_that_learns_next_to_nothing_makes_no_model(detector, training_data):
    spec = detector(params={"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 5})
    given = training_data(spec)
    random = np.random.default_rng(0)
    senseless = dataclasses.replace(
        given, train=dataclasses.replace(given.train, label=random.permutation(given.train.label))
    )
    with pytest.raises(Collapsed, match="hardly better than chance"):
        made_of(spec, senseless)
    made_of(spec, given)
