from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import lakehouse
from lakehouse.training.spec import ModelSpec
from lakehouse.yaml_file import read_attributes

SHIPPED = sorted((Path(lakehouse.__file__).parent / "defs").rglob("models/*/defs.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_models_we_ship_are_valid_and_named_after_their_folders(path):
    spec = read_attributes(path, ModelSpec)
    assert spec.name == path.parent.name
    assert spec.owners
    assert spec.gates


def test_there_is_a_shipped_model_of_each_task():
    tasks = {read_attributes(path, ModelSpec).task for path in SHIPPED}
    assert tasks == {"binary", "regression", "multiclass"}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"gates": [{"metric": "luck", "at_least": 1}]}, "'luck' is no binary metric"),
        ({"gates": [{"metric": "auc_roc"}]}, "either `at_least` or `at_most`"),
        ({"promotion": {"metric": "alerts_per_day"}}, "neither better nor worse"),
        ({"promotion": {"metric": "observed_over_expected"}}, "neither better nor worse"),
        (
            {
                "gates": [
                    {"metric": "recall", "at_least": 0.1, "lower_end": True, "upper_end": True}
                ]
            },
            "one end of an interval",
        ),
        (
            {
                "gates": [
                    {"metric": "recall", "at_least": 0.1, "of": "validation", "upper_end": True}
                ]
            },
            "of the test period",
        ),
        ({"capacity": None}, "declares its `capacity`"),
        ({"split": {"test": "7d"}}, "`split.gap` must give the label's maturity"),
        ({"params": {"deterministic": False}}, "'deterministic'.* set by the trainer"),
        ({"feature_sets": []}, "at least 1 item"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_spec_that_cannot_work_is_refused_with_the_reason(detector, changes, complaint):
    with pytest.raises(ValidationError, match=complaint):
        detector(**changes)


def test_the_gap_of_a_forecast_is_its_horizon_and_may_not_be_shorter(forecast):
    assert forecast(split={}).gap == timedelta(days=7)
    with pytest.raises(ValidationError, match="shorter than the label's `horizon`"):
        forecast(split={"gap": "6d"})


def test_words_about_a_model_are_no_part_of_its_recipe(detector):
    recipe = detector().recipe()
    assert detector(description="Other words", gates=[], owners=["team:x"]).recipe() == recipe
    assert detector(seed=1).recipe() != recipe
