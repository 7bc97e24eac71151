"""Each domain has its own dbt steps, and a step knows what it reads from outside."""

from typing import Any

from lakehouse.orchestration.dbt.steps import Inputs, find_misplaced, find_steps, inputs_of


def model(path: str, *parents: str, materialized: str = "incremental") -> dict[str, Any]:
    *folders, name = path.split("/")
    return {
        "resource_type": "model",
        "fqn": ["project", *folders, name],
        "schema": folders[-1] if folders else "core",
        "alias": name,
        "original_file_path": f"models/{path}.sql",
        "config": {"materialized": materialized},
        "depends_on": {"nodes": parents},
    }


def manifest(*models: dict[str, Any]) -> dict[str, Any]:
    return {
        "nodes": {node["fqn"][-1]: node for node in models},
        "sources": {
            "orders": {"schema": "raw", "identifier": "orders"},
            "scores": {"schema": "predictions", "identifier": "churn"},
        },
    }


SHOP = manifest(
    model("shop/staging/stg_orders", "orders", materialized="view"),
    model("shop/core/fct_orders", "stg_orders"),
    model("shop/reporting/days", "fct_orders", "scores"),
    model("bank/core/balances", "fct_orders", "stg_orders"),
)


def test_a_domain_has_a_step_for_each_stage_with_models() -> None:
    assert {step.name: step.models for step in find_steps(SHOP)} == {
        "dbt_bank_core": ("balances",),
        "dbt_shop_core": ("stg_orders", "fct_orders"),
        "dbt_shop_reporting": ("days",),
    }
    assert [step.name for step in find_steps(manifest(model("alone")))] == ["dbt_core"]


def test_inputs_are_what_other_steps_and_sources_give_through_views() -> None:
    found = {step.name: inputs_of(step.models, SHOP) for step in find_steps(SHOP)}
    assert found == {
        "dbt_bank_core": Inputs(("orders",), ("core.fct_orders",), ()),
        "dbt_shop_core": Inputs(("orders",), (), ()),
        "dbt_shop_reporting": Inputs((), ("core.fct_orders",), ("predictions.churn",)),
    }


def test_a_model_that_no_step_would_build_is_named_and_the_others_are_built() -> None:
    found = manifest(model("shop/marts/x"), model("shop/core/y"))
    ((file, sentence),) = find_misplaced(found)
    assert file == "models/shop/marts/x.sql"
    assert sentence.startswith("models/shop/marts/x.sql: its layer is marts, and dbt builds ")
    assert [step.models for step in find_steps(found)] == [("y",)]
