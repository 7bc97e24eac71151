"""An increment waits for the inputs that the model's SQL reads: no model repeats them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.orchestration.dbt.project import DbtProjectFiles, import_dbt
from lakehouse.orchestration.dbt.session import WritingSession
from lakehouse.settings import load_settings
from tests.project import PROJECT

pytestmark = pytest.mark.slow

MONEY = {"transactions", "exchange_rates"}
REPORTED = MONEY | {"chargebacks"}
FACTS = {"core.fct_transactions", "core.fct_reports"}
EXPECTED = {
    "dim_customers": ({"customers"}, {"customers"}),
    "dim_terminals": ({"terminals"}, {"terminals"}),
    "fct_transactions": (MONEY, MONEY),
    "customer_days": ({"core.dim_customers", "transactions"}, {"customers", "transactions"}),
    "fct_reports": ({"core.fct_transactions", "chargebacks"}, REPORTED),
    "fct_labels": (FACTS, REPORTED),
    "daily_fraud_losses": (FACTS | {"core.fct_labels"}, REPORTED),
    "customer_activity": (FACTS | {"core.dim_customers"}, REPORTED | {"customers"}),
    "merchant_performance": (FACTS | {"core.dim_terminals"}, REPORTED | {"terminals"}),
    # models of the test, declared nowhere else
    "reads_a_view": (FACTS, REPORTED),
    "reads_labels": ({"core.fct_labels", "customers"}, REPORTED | {"customers"}),
}
"""By model: what it waits for, and the sources that all of its rows come from."""

VIEW = "{{ config(materialized='view', contract={'enforced': false}) }}"
NEW = {
    "staging/recent_reports.sql": VIEW + " select * from {{ ref('fct_transactions') }} "
    "inner join {{ ref('fct_reports') }} using (transaction_id)",
    "core/reads_a_view.sql": "{{ config(pre_hook='{{ lakehouse.begin_seals() }}', "
    "contract={'enforced': false}) }} select * from {{ ref('recent_reports') }}",
    "core/reads_labels.sql": "{{ config(pre_hook='{{ lakehouse.begin_seals() }}', "
    "contract={'enforced': false}) }} select labels.* from {{ ref('fct_labels') }} as labels "
    "inner join {{ ref('stg_customers') }} using (customer_id)",
}
QUERY_INPUTS = """
{%- set found = {} -%}
{%- for node in graph.nodes.values()
    if node.resource_type == 'model' and node.config.materialized == 'incremental' -%}
    {%- set inputs = lakehouse.inputs_of(node) -%}
    {%- set sources = lakehouse.inputs_of(node, through_tables=true) -%}
    {%- do found.update({node.name: [inputs, sources]}) -%}
{%- endfor -%}
{{ tojson(found) }}
"""


@pytest.fixture(scope="module")
def compiled(new_data_dir: Callable[[], Path]) -> Callable[[str], Any]:
    """Compiles SQL as dbt does, in the project with three additional models."""
    folder = new_data_dir()
    project = folder / "project"
    shutil.copytree(PROJECT.root / "dbt_project", project)
    for name, sql in NEW.items():
        (project / "models" / "payments" / name).write_text(sql)
    settings = load_settings({}, data_dir=folder / "data", dbt_dir=project)
    files = DbtProjectFiles(settings)

    def run(sql: str) -> Any:
        with WritingSession(settings).holding():
            return import_dbt()(manifest=files.parsed).invoke(
                ["compile", "--inline", sql, "--quiet", *files.folder_arguments(files.target)]
            )

    return run


@pytest.fixture(scope="module")
def derived(compiled: Callable[[str], Any]) -> dict[str, Any]:
    """The inputs that dbt finds for each incremental model."""
    result = compiled(QUERY_INPUTS)
    assert result.success, result.exception
    return dict(json.loads(result.result.results[0].node.compiled_code))


def test_every_incremental_model_has_expected_inputs_here(derived: dict[str, Any]) -> None:
    assert derived.keys() == EXPECTED.keys()


@pytest.mark.parametrize("model", EXPECTED)
def test_the_inputs_and_sources_of_a_model_are_derived_from_its_sql(
    derived: dict[str, Any], model: str
) -> None:
    inputs, sources = derived[model]
    assert (set(inputs), set(sources)) == EXPECTED[model]
    assert len(inputs) == len(set(inputs)), "no input is repeated"


def test_a_model_without_inputs_is_refused(
    compiled: Callable[[str], Any],
) -> None:
    result = compiled("{{ lakehouse.begin_seals() }}")
    assert not result.success
    assert "reads no source and no incremental table" in str(result.exception)
