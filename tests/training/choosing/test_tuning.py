import json
from statistics import fmean

import numpy as np
import pytest

from lakehouse.lake import Author, layout, qualified, table_exists
from lakehouse.models.errors import TrainingError
from lakehouse.training.choosing import choice as choose_module
from lakehouse.training.choosing import tuning as search_module
from lakehouse.training.choosing.choice import choose
from lakehouse.training.choosing.trials import Trial, read_trials
from lakehouse.training.fitting.boosting import lightgbm_params
from lakehouse.training.fitting.fold_examples import fold_data
from lakehouse.training.identity import code_hash
from lakehouse.training.sets.dataset import training_set
from lakehouse.training.sets.training_data import load_training_data

FOLDS = {"count": 2, "length": "3d"}
SPACE = {
    "learning_rate": {"low": 0.02, "high": 0.5, "log": True},
    "num_leaves": {"low": 3, "high": 31},
}


@pytest.fixture
def searched(detector):
    def make(**search):
        return detector(folds=FOLDS, search={"trials": 5, "space": SPACE} | search)

    return make


@pytest.fixture
def training_data(world, lake):
    return lambda spec: load_training_data(spec, lake, training_set(spec, lake))


def trials_of(lake, study):
    """The parts of trials that are the same in every run: everything except the duration."""
    return [
        (t.number, t.state, t.params, t.fold_values, t.value)
        for t in read_trials(lake, "detector", study.id)
    ]


@pytest.mark.slow
def test_a_killed_search_resumes_on_the_same_path(lake, searched, training_data, monkeypatch):
    spec = searched(trials=9)
    data = training_data(spec)
    whole = choose(spec, lake, data)
    expected = trials_of(lake, whole.study)
    assert [number for number, *_ in expected] == list(range(9))
    with lake.writer(Author("test")) as writer:
        writer.execute(f"DELETE FROM {qualified(layout.TRIALS)}")

    class Killed(BaseException):
        pass

    write = search_module.write_trial

    def kill_after(number):
        def write_and_kill(*arguments, **more):
            write(*arguments, **more)
            if arguments[3].number == number:
                raise Killed

        return write_and_kill

    for number in (2, 7):
        with monkeypatch.context() as patch:
            patch.setattr(search_module, "write_trial", kill_after(number))
            with pytest.raises(Killed):
                choose(spec, lake, data)
        assert trials_of(lake, whole.study) == expected[: number + 1]
    messages = []
    assert choose(spec, lake, data, on_progress=messages.append) == whole
    assert trials_of(lake, whole.study) == expected
    assert messages[0] == "detector: 8 of 9 trials are already finished"
    assert len(messages) == 2


def test_declared_parameters_are_tried_first_and_never_replaced_by_worse_ones(
    lake, searched, training_data
):
    spec = searched()
    before = lake.snapshot()
    choice = choose(spec, lake, training_data(spec))
    trials = read_trials(lake, "detector", choice.study.id)
    assert dict(trials[0].params) == {"learning_rate": 0.2, "num_leaves": 7}
    complete = [trial for trial in trials if trial.state == "complete"]
    assert choice.study.value == max(trial.value for trial in complete)
    assert choice.study.declared_value == trials[0].value
    best = trials[choice.study.chosen]
    assert choice.params == {**spec.params, **best.params}
    assert all(trial.value == pytest.approx(fmean(trial.fold_values)) for trial in trials)
    assert lake.snapshot() - before == 1 + len(trials)  # the training set, and one a trial


def test_more_trials_continue_a_study_and_another_recipe_starts_a_new_one(
    lake, searched, training_data
):
    few, many = searched(trials=2), searched(trials=3)
    data = training_data(few)
    first = choose(few, lake, data).study
    messages = []
    second = choose(many, lake, data, on_progress=messages.append).study
    assert second.id == first.id
    assert messages[0] == "detector: 2 of 3 trials are already finished"
    assert choose(few, lake, data).study == first
    other = few.model_copy(update={"rounds": 7})
    assert choose(other, lake, data).study.id != first.id
    study = search_module.study_id
    inputs = ("amount_eur", "channel", "risk", "risky")
    assert study(few, data.pinned.hash, code_hash(), inputs) == first.id
    assert study(few, "another set", code_hash(), inputs) != first.id
    assert study(few, data.pinned.hash, "other code", inputs) != first.id
    assert study(few, data.pinned.hash, code_hash(), inputs[1:]) != first.id


def test_a_trial_does_not_depend_on_earlier_trials(lake, searched, training_data):
    spec = searched()
    data = training_data(spec)
    (fold, _) = data.folds

    def predict(data, **params):
        full_params = lightgbm_params(spec, {**spec.params, **params}, 0, 1)
        return data.predict(data.fit(full_params, 10, stop=True))

    def fresh():
        return fold_data(spec, data.schema, data.train, fold)

    trials = [{"min_data_in_leaf": 2}, {"max_bin": 15}, {"min_data_in_leaf": 40, "max_bin": 63}]
    used = fresh()
    for params in trials:
        np.testing.assert_array_equal(predict(used, **params), predict(fresh(), **params))


def test_parameters_that_lightgbm_rejects_fail_their_trial_but_not_the_search(
    lake, detector, training_data
):
    space = {"num_leaves": {"choices": [1, 15]}}
    spec = detector(folds=FOLDS, search={"trials": 3, "method": "grid", "space": space})
    choice = choose(spec, lake, training_data(spec))
    states = {
        trial.params["num_leaves"]: trial.state
        for trial in read_trials(lake, "detector", choice.study.id)
    }
    assert states == {7: "complete", 1: "failed", 15: "complete"}
    broken = detector(folds=FOLDS, params={"num_leaves": 1}, search=spec.search.model_dump())
    with pytest.raises(TrainingError, match=r"LightGBM cannot train.*num_leaves"):
        choose(broken, lake, training_data(broken))


def test_a_trial_is_pruned_when_its_mean_is_worse_than_the_median_of_complete_trials():
    def complete(*values):
        return Trial(0, "complete", {}, values, fmean(values), 0.0)

    finished = [complete(0.1, 0.9), complete(0.3, 0.1), complete(0.5, 0.1), complete(0.7, 0.1)]
    is_behind = search_module._is_behind
    assert is_behind([0.39], finished, False)
    assert not is_behind([0.41], finished, False)
    assert is_behind([0.41], finished, True)
    assert not is_behind([0.0], finished[:3], False), "three complete trials are too few"
    assert not is_behind([0.0], [*finished[:3], Trial(3, "pruned", {}, (0.9,), 0.9, 0.0)], False)
    assert is_behind([0.41, 0.1], [complete(0.4, 0.4)] * 4, False)


def test_pruned_trials_are_recorded_with_their_folds_and_never_chosen(
    lake, searched, training_data, monkeypatch
):
    monkeypatch.setattr(search_module, "MIN_COMPLETE_TRIALS", 1)
    spec = searched(trials=8)
    data = training_data(spec)
    study = choose(spec, lake, data).study
    trials = read_trials(lake, "detector", study.id)
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    assert all(len(trial.fold_values) == 1 for trial in pruned)
    assert trials[study.chosen].state == "complete"


def test_a_sampled_trial_trains_on_fewer_rows_and_scores_all(lake, searched, training_data):
    spec = searched()
    data = training_data(spec)
    fold = data.folds[-1]
    whole = fold_data(spec, data.schema, data.train, fold)
    some = fold_data(spec, data.schema, data.train, fold, share=0.25)
    assert len(some.scored) == len(whole.scored)
    assert (some.train.label > 0).sum() == (whole.train.label > 0).sum()
    negatives = (whole.train.label == 0).sum()
    assert (some.train.label == 0).sum() == round(0.25 * negatives)
    assert some.train.weight.sum() == pytest.approx(len(whole.train.label))


def test_too_short_a_history_is_not_searched(lake, detector, training_data):
    spec = detector(search={"trials": 3, "space": SPACE})
    data = training_data(spec)
    assert data.folds == ()
    assert choose(spec, lake, data) == choose_module.Choice(spec.params)
    assert read_rows(lake) == []


def read_rows(lake):
    with lake.reader() as cursor:
        if not table_exists(cursor, layout.TRIALS):
            return []
        return cursor.execute(f"SELECT params FROM {qualified(layout.TRIALS)}").fetchall()


@pytest.mark.parametrize("task", ["forecast", "scenario"])
def test_forecasts_and_classes_are_searched_too(request, lake, training_data, task):
    spec = request.getfixturevalue(task)(folds=FOLDS, search={"trials": 2, "space": SPACE})
    study = choose(spec, lake, training_data(spec)).study
    values = {trial.number: trial.value for trial in read_trials(lake, spec.name, study.id)}
    pick = min if task == "forecast" else max
    assert study.value == pick(values.values())
    assert {json.loads(params).keys() >= {"num_leaves"} for (params,) in read_rows(lake)} == {True}


def test_a_search_does_not_depend_on_the_number_of_threads(lake, searched, training_data):
    """Folds that run in parallel are pruned after the same fold as one after the other."""
    spec = searched(trials=9)
    data = training_data(spec)
    folds = [fold_data(spec, data.schema, data.train, fold) for fold in data.folds]

    def trials(threads):
        study = search_module.search(spec, lake, folds, data.classes, threads, f"on {threads}")
        return trials_of(lake, study)

    alone = trials(1)
    assert trials(2) == alone
    assert {state for _, state, *_ in alone} == {"complete", "pruned"}
