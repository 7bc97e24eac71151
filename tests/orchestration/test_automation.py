"""The runs that automation requests when a source has new data, without executing them."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests

from lakehouse.definitions import defs

NEW = dg.AssetKey(["raw", "transactions"])


EMPTY = dg.AssetKey(["raw", "chargebacks"])


def record_run(
    asset: dg.AssetKey, graph: AssetGraph, instance: dg.DagsterInstance, *, passed: bool = True
) -> None:
    """Record a run that brought the asset up to date; its checks passed, or warned."""
    instance.report_runless_asset_event(dg.AssetMaterialization(asset))
    for check in graph.get_check_keys_for_assets({asset}):
        warning = dg.AssetCheckSeverity.WARN
        found = dg.AssetCheckEvaluation(asset, check.name, passed=passed, severity=warning)
        instance.report_runless_asset_event(found)


@pytest.fixture(scope="module")
def requested(
    new_data_dir: Callable[[], Path],
) -> tuple[AssetGraph, list[dg.RunRequest]]:
    """The graph, and the run requests that follow a new load of the transactions."""
    return request_runs(new_data_dir)


def request_runs(
    new_data_dir: Callable[[], Path], *empty: dg.AssetKey
) -> tuple[AssetGraph, list[dg.RunRequest]]:
    """The same if the checks of the `empty` sources had nothing to examine."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("LAKEHOUSE_DATA_DIR", str(new_data_dir()))
        definitions = defs()
        graph = definitions.resolve_asset_graph()
        for asset in graph.toposorted_asset_keys:
            record_run(asset, graph, instance, passed=asset not in empty)
        before = dg.evaluate_automation_conditions(definitions, instance)
        assert before.total_requested == 0
        record_run(NEW, graph, instance)
        after = dg.evaluate_automation_conditions(definitions, instance, cursor=before.cursor)
        subsets = list(after._requested_subsets)  # as the daemon does
        return graph, list(build_run_requests(subsets, graph, {}, emit_backfills=False))


def test_everything_downstream_of_a_source_is_requested_at_once(
    requested: tuple[AssetGraph, list[dg.RunRequest]],
) -> None:
    graph, (request,) = requested
    assert set(request.asset_selection or []) == downstream(graph, NEW)


def downstream(graph: AssetGraph, asset: dg.AssetKey) -> set[dg.AssetKey]:
    """Everything downstream of `asset`."""
    found, new = set[dg.AssetKey](), {asset}
    while new:
        found |= new
        new = {child for key in new for child in graph.get(key).child_keys} - found
    return found - {asset}


@pytest.mark.slow
def test_a_source_without_data_does_not_stop_the_assets_of_another(
    new_data_dir: Callable[[], Path],
) -> None:
    """Its blocking check warns, and automation treats any warning of a blocking check as a stop."""
    graph, (request,) = request_runs(new_data_dir, EMPTY)
    assert set(request.asset_selection or []) == downstream(graph, NEW)
    assert graph.get(EMPTY).child_keys == {dg.AssetKey(["staging", "stg_chargebacks"])}


def test_every_check_of_the_requested_assets_is_requested(
    requested: tuple[AssetGraph, list[dg.RunRequest]],
) -> None:
    """An omitted check would have no result and, if it blocks, stop everything downstream."""
    graph, (request,) = requested
    due = graph.get_check_keys_for_assets(set(request.asset_selection or []))
    assert len(due) > 50
    # without named checks, all of them run
    assert request.asset_check_keys is None or due - set(request.asset_check_keys) == set()
