"""Declarations reject names that tables use already; the lists of these names are complete."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lakehouse.declarations.reserved import FEATURE_TABLE_COLUMNS, PREDICTION_LOG_COLUMNS
from lakehouse.declarations.yaml_file import SpecError, read_attributes
from lakehouse.features import FeatureSetSpec
from lakehouse.models import ModelSpec
from lakehouse.orchestration.build import Specs, build_from_specs
from lakehouse.scoring.log import output_types
from lakehouse.settings import Settings
from lakehouse.sources.contract import SYSTEM_COLUMNS, Column
from lakehouse.training.sets.dataset import row_columns

LABELS: dict[str, Any] = {"table": "core.labels", "column": "y", "maturity": "7d"}
FORWARD: dict[str, Any] = {
    "stream": "core.rows", "entity": "e", "op": "count", "horizon": "7d", "at_least": 1,
}  # fmt: skip
TASKS = [("binary", LABELS), ("binary", FORWARD), ("multiclass", LABELS), ("regression", LABELS)]


def model(**changes: Any) -> ModelSpec:
    values: dict[str, Any] = {
        "name": "m",
        "description": "Model",
        "task": "binary",
        "spine": {"table": "core.rows", "key": "id", "entities": ["e"]},
        "feature_sets": ["s"],
        "label": LABELS,
        "capacity": {"alerts": 1},
    }
    return ModelSpec.model_validate(values | changes)


def features(name: str = "s", **changes: Any) -> FeatureSetSpec:
    values: dict[str, Any] = {
        "name": name,
        "description": "Set",
        "entity": "e",
        "spines": [{"name": "rows", "table": "core.rows", "key": "id"}],
        "features": {"f": "row.x"},
    }
    return FeatureSetSpec.model_validate(values | changes)


@pytest.mark.parametrize(("task", "label"), TASKS)
@pytest.mark.parametrize("mode", ["alert_only", "block"])
def test_every_column_of_feature_tables_training_sets_and_logs_is_reserved(
    task: str, label: dict[str, Any], mode: str
) -> None:
    actions = {"mode": mode, "control": 0.1} if mode == "block" else {}
    spec = model(
        task=task,
        label={k: v for k, v in label.items() if task == "binary" or k != "at_least"},
        capacity={"alerts": 1} if task == "binary" else None,
        **({"actions": actions} if actions and task == "binary" else {}),
    )
    stored = {*row_columns(spec), "training_set_id"} - {*spec.spine.entities}
    assert stored <= {*FEATURE_TABLE_COLUMNS}
    assert {*output_types(spec), "version", "event_time"} <= {*PREDICTION_LOG_COLUMNS}


@pytest.mark.parametrize("name", [*FEATURE_TABLE_COLUMNS, "naive_guess", "id", "e"])
def test_a_feature_with_the_name_of_another_column_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=rf"feature.* {name}|feature '{name}'"):
        features(features={name: "row.x"})


@pytest.mark.parametrize("name", ["Label", "_hidden", "known at"])
def test_a_feature_whose_name_is_not_an_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        features(features={name: "row.x"})


def test_a_feature_may_have_the_name_of_a_log_column() -> None:
    assert features(features={"score": "row.x", "label_x": "row.x", "order": "row.x"})


def test_the_error_names_the_file_the_line_and_the_name(tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(
        "type: x.FeatureSet\nattributes:\n  name: s\n  description: Set\n  entity: e\n"
        "  spines: [{name: rows, table: core.rows, key: id}]\n  features:\n"
        "    order: row.x\n    split: row.x\n"
    )
    with pytest.raises(SpecError) as refused:
        read_attributes(path, FeatureSetSpec)
    assert re.search(
        rf"{path}, line 9: features.split.*'split' has the name of a column of training sets; "
        "give it another name, such as split_value",
        str(refused.value),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extraction": [{"name": "label", "kind": "pca", "columns": ["a", "b"]}]}, "'label' has"),
        ({"name": "m__shadow"}, "two underscores"),
        ({"spine": {"table": "core.rows", "key": "score"}}, "'score' .* the prediction log"),
        ({"spine": {"table": "core.rows", "key": "id", "entities": ["run_id"]}}, "'run_id' has"),
        ({"spine": {"table": "core.rows", "key": "id", "entities": ["split"]}}, "'split' has"),
        ({"spine": {"table": "core.rows", "key": "id", "entities": ["id"]}}, "must differ: id, id"),
        (
            {"judging": {"segments": {n: {"table": "core.g", "column": "c"} for n in "aA"}}},
            "'a' and 'A' differ only in case",
        ),
        ({"judging": {"segments": {" ": {"table": "core.g", "column": "c"}}}}, "without a name"),
        (
            {
                "judging": {"segments": {"a": {"table": "core.g", "column": "c"}}},
                "fairness": {"groups": {"a": {"table": "core.g", "column": "d"}}},
            },
            "'a' is both a segment and a different `fairness` group",
        ),
    ],
)
def test_an_ambiguous_name_in_a_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model(**changes)


@pytest.mark.parametrize("part", [{"name": "a__b"}, {"spines": "a__b"}])
def test_a_set_or_spine_with_ambiguous_table_names_is_refused(
    part: dict[str, str],
) -> None:
    spines = [{"name": part.get("spines", "rows"), "table": "core.rows", "key": "id"}]
    with pytest.raises(ValidationError, match="two underscores"):
        features(part.get("name", "s"), spines=spines)


@pytest.mark.parametrize("name", SYSTEM_COLUMNS)
def test_a_column_of_a_contract_that_the_loader_adds_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Column(name=name, type="BIGINT", description="Column")


@pytest.mark.slow
def test_a_feature_with_the_name_of_another_entity_is_refused_when_definitions_load(
    settings: Settings,
) -> None:
    of = features(features={"terminal": "row.x"})
    spine = {"table": "core.rows", "key": "id", "entities": ["e", "terminal"]}
    specs = Specs(sources=[], feature_sets=[of], models=[model(spine=spine)])
    with pytest.raises(SpecError, match="m: feature terminal of s has the name of the spine"):
        build_from_specs(settings, specs)
