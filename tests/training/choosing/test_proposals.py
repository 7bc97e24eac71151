import warnings

import pytest

from lakehouse.models.errors import TrainingError
from lakehouse.models.spec import Search
from lakehouse.training.choosing.proposals import STARTUP, propose, trial_count
from lakehouse.training.choosing.trials import Trial

SPACE = {
    "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
    "num_leaves": {"low": 3, "high": 63},
    "feature_fraction": {"low": 0.5, "high": 1.0, "step": 0.1},
    "boosting": {"choices": ["gbdt", "dart"]},
}


def searching(method, **changes):
    return Search(**{"method": method, "trials": 30, "space": SPACE} | changes)


def run(search, goodness, finished=(), until=None, seed=5):
    """Resume from the finished trials as a search does; `goodness` gives each trial's value."""
    finished = list(finished)
    for number in range(len(finished), until or search.trials):
        params = propose(search, seed, number, finished, minimize=False) if number else {}
        value = goodness(params)
        finished.append(Trial(number, "complete", params, (value, value), value, 0.0))
    return finished


def near(params):
    """Best at a learning rate of 0.1 and 20 leaves."""
    if not params:
        return -1.0
    return -abs(params["learning_rate"] - 0.1) - abs(params["num_leaves"] - 20) / 60


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_an_interrupted_search_proposes_the_same_parameters(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = run(searching(method), near, until=14)
        for killed in (1, STARTUP + 1, 12):
            assert run(searching(method), near, whole[:killed], until=14) == whole


def test_proposals_stay_within_the_declared_space():
    for trial in run(searching("tpe"), near, until=12)[1:]:
        assert 0.01 <= trial.params["learning_rate"] <= 0.5
        assert trial.params["num_leaves"] in range(3, 64)
        assert round(trial.params["feature_fraction"] * 10, 6) in range(5, 11)
        assert trial.params["boosting"] in ("gbdt", "dart")
        assert isinstance(trial.params["num_leaves"], int)


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_every_trial_draws_new_parameters(method):
    rates = [trial.params["learning_rate"] for trial in run(searching(method), near, until=6)[1:]]
    assert len(set(rates)) == 5


def test_tpe_beats_random_search_with_the_same_number_of_trials():
    def best(method, seed):
        return max(trial.value for trial in run(searching(method), near, until=25, seed=seed))

    seeds = (1, 2, 3)
    assert sum(best("tpe", s) for s in seeds) > sum(best("random", s) for s in seeds)


def test_another_seed_proposes_other_parameters():
    search = searching("random")
    assert propose(search, 1, 1, [], minimize=True) != propose(search, 50, 1, [], minimize=True)


def test_declared_values_outside_the_space_do_not_stop_a_search():
    first = Trial(0, "complete", {"learning_rate": 5.0, "num_leaves": 7}, (0.1,), 0.1, 0.0)
    failed = Trial(1, "failed", {"learning_rate": 0.1}, (), None, 0.0)
    pruned = Trial(2, "pruned", {"learning_rate": 0.1, "num_leaves": 9}, (0.2,), 0.2, 0.0)
    assert set(propose(searching("tpe"), 1, 3, [first, failed, pruned], minimize=False)) == {*SPACE}


def test_a_grid_is_searched_once_in_shuffled_order():
    space = {"num_leaves": {"low": 3, "high": 7, "step": 2}, "max_depth": {"choices": [2, 4]}}
    search = searching("grid", space=space)
    assert trial_count(search) == 7
    points = [propose(search, 1, number, [], minimize=False) for number in range(1, 7)]
    assert sorted((p["num_leaves"], p["max_depth"]) for p in points) == [
        (leaves, depth) for leaves in (3, 5, 7) for depth in (2, 4)
    ]
    assert trial_count(searching("grid", space=space, trials=4)) == 4


def test_a_grid_over_real_numbers_needs_a_step():
    search = searching("grid", space={"learning_rate": {"low": 0.1, "high": 0.5}})
    with pytest.raises(TrainingError, match=r"grid over learning_rate.*needs a `step`"):
        propose(search, 1, 1, [], minimize=False)
    stepped = {"learning_rate": {"low": 0.1, "high": 0.5, "step": 0.2}}
    values = [
        propose(searching("grid", space=stepped), 1, n, [], minimize=False)["learning_rate"]
        for n in (1, 2, 3)
    ]
    assert sorted(values) == pytest.approx([0.1, 0.3, 0.5])
