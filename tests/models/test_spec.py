from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

import lakehouse
from lakehouse.declarations.yaml_file import SpecError, read_attributes
from lakehouse.models.spec import ModelSpec

SHIPPED = sorted((Path(lakehouse.__file__).parent / "defs").rglob("models/*/defs.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_models_are_valid_and_named_after_their_folders(path):
    spec = read_attributes(path, ModelSpec)
    assert spec.name == path.parent.name
    assert spec.owners
    assert spec.gates


def test_there_is_a_shipped_model_of_each_task():
    tasks = {read_attributes(path, ModelSpec).task.name for path in SHIPPED}
    assert tasks == {"binary", "regression", "multiclass"}


LABEL = {"table": "core.fct_labels", "column": "is_fraud"}
FORWARD = {
    "stream": "core.fct_transactions",
    "entity": "customer_id",
    "value": "amount_eur",
    "horizon": "7d",
}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"gates": [{"metric": "luck", "at_least": 1}]}, "'luck' is not a metric of binary models"),
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
            "only for the test period",
        ),
        ({"capacity": None}, "must declare `capacity`"),
        ({"split": {"test": "7d"}}, "declare `label.maturity`: how long after its event"),
        (
            {"label": {**LABEL, "maturity": "14d"}, "split": {"gap": "3d"}},
            "`split.gap` is 3d, shorter than `label.maturity`, which is 14d",
        ),
        (
            {"label": {**FORWARD, "op": "count", "value": ""}},
            "set `label.at_least` to the smallest",
        ),
        ({"label": FORWARD}, "`op: sum` is a number, and a binary model needs yes or no"),
        ({"params": {"deterministic": False}}, "'deterministic'.* set by the trainer"),
        ({"feature_sets": []}, "at least 1 item"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_an_invalid_spec_is_refused_with_the_reason(detector, changes, complaint):
    with pytest.raises(ValidationError, match=complaint):
        detector(**changes)


def test_the_gap_of_a_forecast_is_its_horizon_and_may_not_be_shorter(forecast):
    assert forecast(split={}).gap == timedelta(days=7)
    with pytest.raises(ValidationError, match=r"6d, shorter than `label\.horizon`, which"):
        forecast(split={"gap": "6d"})


def test_the_gap_is_the_maturity_unless_it_is_longer(detector):
    declared = {**LABEL, "maturity": "14d"}
    assert detector(label=declared, split={}).gap == timedelta(days=14)
    longer = detector(label=declared, split={"gap": "15d"})
    assert (longer.gap, longer.maturity) == (timedelta(days=15), timedelta(days=14))
    derived = detector(split={"gap": "7d"})
    assert (derived.gap, derived.maturity) == (timedelta(days=7), timedelta(days=7))


def test_a_short_gap_is_refused_when_the_file_is_read(tmp_path):
    path = tmp_path / "defs.yaml"
    shipped = next(p for p in SHIPPED if "fraud_detector" in str(p)).read_text()
    path.write_text(shipped.replace("split: {", "split: {gap: 3d, ", 1))
    with pytest.raises(SpecError, match=r"gap` is 3d, shorter than `label\.maturity`") as raised:
        read_attributes(path, ModelSpec)
    assert str(path) in str(raised.value)


def test_a_forward_number_is_not_a_class_and_a_bound_requires_a_binary_task(forecast, scenario):
    with pytest.raises(ValidationError, match="not a class; make the `task` a regression"):
        scenario(label=FORWARD)
    with pytest.raises(ValidationError, match="is yes or no, not a number"):
        forecast(label={**FORWARD, "at_least": 3})


def test_texts_and_gates_are_not_part_of_the_recipe(detector):
    recipe = detector().recipe()
    assert detector(description="Other words", gates=[], owners=["team:x"]).recipe() == recipe
    assert detector(seed=1).recipe() != recipe


def test_the_former_names_of_fields_are_still_read(detector):
    spec = detector(papers={"limits": "none"}, split={"gap": "7d", "every": 7})
    assert (spec.model_card.limits, spec.split.sample_every) == ("none", 7)
    assert ModelSpec.model_validate(spec.model_dump(by_alias=True)) == spec
