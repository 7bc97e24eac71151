import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from lakehouse.definitions import defs
from lakehouse.orchestration.dbt.assets import PRIORITY_TAG
from lakehouse.orchestration.runs.in_process import JOB
from tests.orchestration.graph import lines
from tests.project import PROJECT

PINNED = Path(__file__).with_name("graph.txt")


@pytest.fixture(scope="module")
def definitions(new_data_dir: Callable[[], Path]) -> dg.Definitions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_DATA_DIR", str(new_data_dir()))
        return defs()


def test_a_change_of_the_graph_is_seen_in_review(definitions: dg.Definitions) -> None:
    assert "\n".join(lines(definitions)) == PINNED.read_text().strip(), (
        "the graph changed; if you meant it: "
        "python -m tests.orchestration.graph > tests/orchestration/graph.txt"
    )


def test_every_input_is_an_asset_that_can_be_materialized(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert graph.get_all_asset_keys() == graph.materializable_asset_keys


def test_every_asset_has_a_group_an_owner_a_description_and_a_freshness_policy(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        domain, _, layer = str(node.group_name).rpartition("_")
        assert layer == key.path[0]
        assert domain or layer == "project"
        assert node.owners, key
        assert node.description, key
        assert node.freshness_policy, key


def test_every_asset_downstream_of_a_source_is_refreshed_automatically(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    manual = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).automation_condition is None
    }
    assert {name.partition("/")[0] for name in manual} == {"landing", "raw"}


def test_there_is_no_yaml_file_that_would_be_ignored_for_its_name() -> None:
    yaml = {path.name for path in PROJECT.defs_dir.rglob("*.y*ml")}
    assert yaml == {"defs.yaml"}


@pytest.mark.slow
def test_loading_the_graph_of_a_parsed_project_imports_no_heavy_package(
    new_data_dir: Callable[[], Path],
) -> None:
    heavy = ("dbt.", "lightgbm", "sklearn", "dlt", "matplotlib", "optuna", "pandas")
    script = (
        "import sys; from lakehouse.definitions import defs; defs(); "
        f"print(*[name for name in sys.modules if (name + '.').startswith({heavy})])"
    )
    environment = {**os.environ, "LAKEHOUSE_DATA_DIR": str(new_data_dir())}
    loaded = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []


def test_days_to_redo_can_be_chosen_in_the_ui(definitions: dg.Definitions) -> None:
    """The UI offers the partitions of a job only if the job makes no assets itself."""
    shown = RepositorySnap.from_def(definitions.get_repository_def())
    assert [one.job_name for one in shown.partition_sets] == ["reprocess_days"]
    assert not [node for node in shown.asset_nodes if "reprocess_days" in node.job_names]


def test_the_sensor_of_sources_can_refresh_each_of_them(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    job = definitions.resolve_job_def("__anonymous_asset_job_source_changes")
    landed = {key for key in graph.materializable_asset_keys if key.path[0] in ("landing", "raw")}
    assert job.asset_layer.executable_asset_keys == landed


def test_reports_are_built_after_all_other_steps_that_can_run(
    definitions: dg.Definitions,
) -> None:
    nodes = definitions.resolve_job_def(JOB).nodes
    late = {node.name for node in nodes if int(node.definition.tags.get(PRIORITY_TAG, 0)) < 0}
    assert late == {node.name for node in nodes if node.name.endswith("_reporting")}
    assert "dbt_payments_reporting" in late
