"""What automation asks for when a source has something new, without running any of it."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests

from lakehouse.definitions import defs

NEW = dg.AssetKey(["raw", "transactions"])


def told_of(asset: dg.AssetKey, graph: AssetGraph, instance: dg.DagsterInstance) -> None:
    """As after a run that brought the asset up to date, all its checks passed."""
    instance.report_runless_asset_event(dg.AssetMaterialization(asset))
    for check in graph.get_check_keys_for_assets({asset}):
        passed = dg.AssetCheckEvaluation(asset, check.name, passed=True)
        instance.report_runless_asset_event(passed)


@pytest.fixture(scope="module")
def asked_for(
    new_data_dir: Callable[[], Path],
) -> tuple[AssetGraph, list[dg.RunRequest]]:
    """The graph, and the runs that follow a new load of the transactions."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("LAKEHOUSE_DATA_DIR", str(new_data_dir()))
        definitions = defs()
        graph = definitions.resolve_asset_graph()
        for asset in graph.toposorted_asset_keys:
            told_of(asset, graph, instance)
        before = dg.evaluate_automation_conditions(definitions, instance)
        assert before.total_requested == 0
        told_of(NEW, graph, instance)
        after = dg.evaluate_automation_conditions(definitions, instance, cursor=before.cursor)
        wanted = list(after._requested_subsets)  # as the daemon takes them
        return graph, list(build_run_requests(wanted, graph, {}, emit_backfills=False))


def test_everything_behind_a_source_is_asked_for_at_once(
    asked_for: tuple[AssetGraph, list[dg.RunRequest]],
) -> None:
    graph, requests = asked_for
    (request,) = requests
    behind, new = set[dg.AssetKey](), {NEW}
    while new:
        behind |= new
        new = {child for key in new for child in graph.get(key).child_keys} - behind
    assert set(request.asset_selection or []) == behind - {NEW}


def test_no_check_of_what_is_asked_for_is_left_out(
    asked_for: tuple[AssetGraph, list[dg.RunRequest]],
) -> None:
    """One that was would stay without a result, and stop everything behind it if it blocks."""
    graph, (request,) = asked_for
    due = graph.get_check_keys_for_assets(set(request.asset_selection or []))
    assert len(due) > 50
    # without any named ones, all of them run
    assert request.asset_check_keys is None or due - set(request.asset_check_keys) == set()
