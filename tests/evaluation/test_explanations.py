import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.evaluation import explanations
from lakehouse.evaluation.surrogate import Surrogate, agreement, local_surrogate
from lakehouse.models.library import import_lightgbm

NAMES = ("amount", "hour", "distance", "risk")
TASKS = {
    "binary": {"objective": "binary"},
    "regression": {"objective": "regression_l1"},
    "multiclass": {"objective": "multiclass", "num_class": 3},
}


def rows(seed: int, count: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    matrix = random.random((count, len(NAMES)), dtype=np.float32)
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    return matrix


def fitted(task: str, **params):
    lightgbm = import_lightgbm()
    matrix = rows(0, 600)
    signal = (
        np.nan_to_num(matrix) @ np.array([3.0, -2.0, 0.5, 0.0]) + np.nan_to_num(matrix[:, 0]) * 2
    )
    label = {
        "binary": signal > 1.5,
        "regression": signal,
        "multiclass": np.digitize(signal, [0.5, 2.0]),
    }[task]
    params = {**TASKS[task], "num_leaves": 8, "verbosity": -1, "num_threads": 1, **params}
    booster = lightgbm.train(params, lightgbm.Dataset(matrix, label), 12)
    return lightgbm.Booster(model_str=booster.model_to_string())


@pytest.fixture(scope="module")
def boosters():
    return {task: fitted(task) for task in TASKS}


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 40), task=st.sampled_from(sorted(TASKS)))
def test_contributions_add_up_to_the_raw_score(boosters, seed, count, task):
    booster, matrix = boosters[task], rows(seed, count)
    found = explanations.contributions(booster, matrix)
    raw = np.asarray(booster.predict(matrix, raw_score=True)).reshape(count, -1)
    assert found.shape == (3 if task == "multiclass" else 1, count, len(NAMES) + 1)
    np.testing.assert_allclose(found.sum(axis=2).T, raw, atol=1e-9)


def test_reasons_are_the_features_that_raised_the_score_most_the_largest_first(boosters):
    matrix = rows(1, 300)  # more than one batch
    found = explanations.reasons(boosters["binary"], matrix, NAMES, top=2)
    moved = explanations.contributions(boosters["binary"], matrix)[0][:, :-1]
    assert len(found) == len(matrix)
    for row, own, why in zip(matrix, moved, found, strict=True):
        raised = sorted((c for c in own.tolist() if c > 0), reverse=True)[:2]
        assert [one.contribution for one in why] == pytest.approx(raised)
        for one in why:
            place = NAMES.index(one.feature)
            assert one.contribution == pytest.approx(own[place])
            assert one.value is None if np.isnan(row[place]) else one.value == row[place]
    assert any(one.value is None for why in found for one in why)


def test_reasons_of_several_classes_are_those_of_the_likeliest(boosters):
    booster, matrix = boosters["multiclass"], rows(2, 20)
    likeliest = booster.predict(matrix).argmax(axis=1)
    moved = explanations.contributions(booster, matrix)
    for i, why in enumerate(explanations.reasons(booster, matrix, NAMES, top=1)):
        assert why[0].contribution == pytest.approx(moved[likeliest[i], i, :-1].max())


def test_no_alerts_have_no_reasons_and_a_wrong_number_of_names_is_refused(boosters):
    assert explanations.reasons(boosters["binary"], rows(0, 0), NAMES) == []
    with pytest.raises(ValueError, match="2 names for 4 columns"):
        explanations.reasons(boosters["binary"], rows(0, 1), NAMES[:2])


def test_the_summary_ranks_the_features_that_determine_the_label(boosters):
    summary = explanations.shap_summary(boosters["regression"], rows(3, 900), NAMES, rows=200)
    assert summary.rows == 200
    assert [NAMES[i] for i in summary.ranking()][:2] == ["amount", "hour"]
    again = explanations.shap_summary(boosters["regression"], rows(3, 900), NAMES, rows=200)
    assert (summary.values == again.values)[np.isfinite(summary.values)].all()
    classes = explanations.shap_summary(
        boosters["multiclass"], rows(3, 50), NAMES, outputs=("low", "middle", "high")
    )
    assert classes.mean_absolute.shape == (3, len(NAMES))


def test_gain_covers_every_feature_and_is_low_for_noise(boosters):
    gain = explanations.gain_importance(boosters["regression"], NAMES)
    assert tuple(gain) == NAMES
    assert gain["amount"] > gain["hour"] > 10 * gain["risk"]


class Dumped:
    """A booster with one tree: a leaf at depth 1, two at depth 2."""

    def dump_model(self):
        leaf = {"leaf_value": 0.0}
        inner = {"left_child": leaf, "right_child": leaf}
        return {"tree_info": [{"tree_structure": {"left_child": leaf, "right_child": inner}}]}


def test_the_cost_of_explaining_counts_each_leaf_by_its_depth_squared():
    cost = explanations.explanation_cost(Dumped())
    assert cost == explanations.ExplanationCost(trees=1, leaves=3, depth=2, steps=1 + 4 + 4)


def test_a_model_with_costly_reasons_is_refused_with_a_remedy(boosters):
    cost = explanations.explanation_cost(boosters["binary"])
    assert cost.is_affordable
    explanations.require_affordable(cost, "detector")
    huge = explanations.ExplanationCost(trees=500, leaves=63, depth=22, steps=3_000_000)
    with pytest.raises(explanations.CostlyReasons, match=r"detector.*max_depth"):
        explanations.require_affordable(huge, "detector")


def test_a_local_surrogate_recovers_the_value_of_each_feature_in_an_additive_model():
    """In a sum, keeping a value is worth the value's part minus the mean of the others'."""
    random = np.random.default_rng(0)
    slopes = np.array([3.0, -2.0, 0.0, 1.0])
    background = random.random((500, 4)).astype(np.float32)
    row = np.array([0.9, 0.9, 0.9, 0.1], dtype=np.float32)
    found = local_surrogate(lambda matrix: matrix @ slopes, row, background)
    assert found.weights == pytest.approx(slopes * (row - background.mean(axis=0)), abs=0.1)
    assert 0.9 < found.fidelity <= 1
    constant = local_surrogate(lambda matrix: np.full(len(matrix), 7.0), row, background)
    assert constant.weights == pytest.approx(np.zeros(4), abs=1e-9)


def test_a_local_surrogate_has_low_fidelity_where_no_linear_model_fits():
    """Parity of six features has no linear part at all."""
    random = np.random.default_rng(1)
    background = (random.random((500, 6)) < 0.5).astype(np.float32)
    row = np.ones(6, dtype=np.float32)
    found = local_surrogate(lambda m: (m.sum(axis=1) % 2) * 1.0, row, background)
    additive = local_surrogate(lambda m: m.sum(axis=1), row, background)
    assert found.fidelity < 0.5 < 0.9 < additive.fidelity


def test_tree_shap_and_local_surrogates_agree_on_a_booster(boosters):
    booster, matrix = boosters["regression"], rows(5, 15)
    background = rows(6, 400)
    surrogates = [
        local_surrogate(lambda m: booster.predict(m, raw_score=True), row, background)
        for row in matrix
    ]
    found = agreement(explanations.contributions(booster, matrix)[0][:, :-1], surrogates, top=2)
    assert found is not None
    assert found.signs > 0.8
    assert found.leaders > 0.8
    assert found.fidelity > 0.75


def test_opposite_signs_do_not_agree_and_no_rows_give_none():
    surrogate = Surrogate(np.array([-1.0, -3.0, -2.0]), 0.9)
    found = agreement(np.array([[1.0, 3.0, 2.0]]), [surrogate], top=2)
    assert found is not None
    assert found.signs == 0.0
    assert found.leaders == 1.0
    assert agreement(np.empty((0, 3)), [], top=2) is None
