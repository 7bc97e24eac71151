"""A part of a dbt step runs what was requested: its models, and each of their checks."""

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from lakehouse.lake import Lake
from lakehouse.orchestration.dbt.assets import build_dbt_assets
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.settings import Settings
from tests.project import PROJECT

PAYMENTS, CUSTOMERS = dg.AssetKey(["core", "payments"]), dg.AssetKey(["core", "customers"])
KNOWN = {
    "relationships": {
        "name": "customers_are_known",
        "arguments": {"to": "ref('customers')", "field": "id"},
    }
}
MODELS = {
    "models": [
        {
            "name": "payments",
            "columns": [{"name": "customer", "data_tests": ["not_null", KNOWN]}],
        },
        {"name": "customers", "columns": [{"name": "id", "data_tests": ["unique"]}]},
    ]
}

SCHEMAS = "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}"


@pytest.fixture
def steps(home: Settings, tmp_path: Path) -> list[dg.AssetsDefinition]:
    """Payments with customers as a model of the same step; neither reads the other."""
    folder = tmp_path / "dbt"
    models = folder / "models"
    models.mkdir(parents=True)
    (models / "payments.sql").write_text("select 1 as customer")
    (models / "customers.sql").write_text("select 1 as id")
    (models / "models.yml").write_text(json.dumps({"version": 2, **MODELS}))
    (folder / "macros").mkdir()
    (folder / "macros" / "schemas.sql").write_text(SCHEMAS)
    shutil.copy(PROJECT.root / "dbt_project" / "profiles.yml", folder)
    tables = {"+materialized": "table", "+schema": "core"}
    (folder / "dbt_project.yml").write_text(
        json.dumps({"name": "small", "profile": "lakehouse", "models": tables})
    )
    return build_dbt_assets(DbtProjectFiles(home.model_copy(update={"dbt_dir": folder})))


def run(
    steps: list[dg.AssetsDefinition], selection: dg.AssetSelection
) -> tuple[set[dg.AssetKey], set[str]]:
    """The materialized assets and the evaluated checks."""
    result = dg.materialize(
        steps, selection=selection, resources={"lake": LakeResource(), "refresh": Refresh()}
    )
    materialized = {event.asset_key for event in result.get_asset_materialization_events()}
    checked = {check.check_name for check in result.get_asset_check_evaluations()}
    assert all(check.passed for check in result.get_asset_check_evaluations())
    return {key for key in materialized if key}, checked


@pytest.mark.slow
def test_every_check_of_a_subset_runs_even_if_it_reads_a_model_outside(
    steps: list[dg.AssetsDefinition],
) -> None:
    whole = run(steps, dg.AssetSelection.all())
    checks = {"customers_are_known", "not_null_payments_customer"}
    assert whole == ({PAYMENTS, CUSTOMERS}, checks | {"unique_customers_id"})
    assert run(steps, dg.AssetSelection.assets(PAYMENTS)) == ({PAYMENTS}, checks)
    only = dg.AssetSelection.assets(PAYMENTS).without_checks()
    assert run(steps, only) == ({PAYMENTS}, set())
    named = dg.AssetSelection.checks(dg.AssetCheckKey(PAYMENTS, "customers_are_known"))
    assert run(steps, named) == (set(), {"customers_are_known"})


@pytest.mark.slow
def test_a_step_without_new_input_calls_no_dbt_and_reads_one_snapshot_of_the_lake(
    steps: list[dg.AssetsDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(steps, dg.AssetSelection.all())  # which creates the table of the progress, an input
    built, readers, reader = run(steps, dg.AssetSelection.all()), [], Lake.reader

    def counting(lake: Lake) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        readers.append(lake)
        return reader(lake)

    monkeypatch.setattr(Lake, "reader", counting)
    monkeypatch.setattr("lakehouse.orchestration.dbt.assets.run_dbt", None)
    assert run(steps, dg.AssetSelection.all()) == built
    assert len(readers) == 1


@pytest.mark.slow
def test_a_check_that_reads_a_table_which_a_new_lake_lacks_warns_and_stops_nothing(
    steps: list[dg.AssetsDefinition],
) -> None:
    result = dg.materialize(
        steps,
        selection=dg.AssetSelection.assets(PAYMENTS),
        resources={"lake": LakeResource(), "refresh": Refresh()},
    )
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["not_null_payments_customer"].passed
    unchecked = checks["customers_are_known"]
    assert (unchecked.passed, unchecked.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert unchecked.description == (
        "nothing was checked: it reads core.customers, not built yet; select that as well"
    )
