"""Moving code changes no version: models keep reading the tables that they were trained on."""

from pathlib import Path

import pytest
import yaml

import lakehouse
from lakehouse.features import FeatureSetSpec, plan
from tests.features.worlds import COLUMNS, DIMENSION, full_spec

ROOT = Path(lakehouse.__file__).parent
CORE = ROOT.parent / "dbt_project" / "models" / "payments" / "core" / "core.yml"
SHIPPED = {
    ("customer_activity", "days"): "79e71f5d",
    ("customer_profile", "transactions"): "3ff4a31c",
    ("customer_profile", "days"): "df1882af",
    ("customer_spending", "transactions"): "b3eeceaa",
    ("terminal_risk", "transactions"): "a2c81ce3",
    ("transaction_context", "transactions"): "181549ac",
}
"""Change one only together with its set or the columns that it reads."""


def shipped(name: str) -> FeatureSetSpec:
    file = ROOT / "defs" / "payments" / "feature_sets" / name / "defs.yaml"
    return FeatureSetSpec.model_validate(yaml.safe_load(file.read_text())["attributes"])


@pytest.mark.parametrize(("name", "spine"), SHIPPED)
def test_a_shipped_set_keeps_its_version(name: str, spine: str) -> None:
    models = yaml.safe_load(CORE.read_text())["models"]
    schema = {
        f"core.{model['name']}": {c["name"]: c["data_type"].upper() for c in model["columns"]}
        for model in models
    }
    assert plan(shipped(name), schema, spine).version == SHIPPED[name, spine]


@pytest.mark.parametrize(
    ("entity", "version"), [("customer_id", "f3cce407"), ("terminal_id", "28528c38")]
)
def test_a_set_of_every_operation_keeps_its_version(entity: str, version: str) -> None:
    tables = {"core.fct_transactions": COLUMNS, "core.fct_labels": COLUMNS}
    schema = {**tables, "core.dim_customers": DIMENSION}
    assert plan(full_spec(entity), schema).version == version
