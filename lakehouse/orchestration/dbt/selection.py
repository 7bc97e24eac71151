"""What dbt builds and tests in a step: all of it, or the requested models and checks."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import dagster as dg

from lakehouse.lake import Lake, table_exists
from lakehouse.orchestration.dbt.names import UNIQUE_ID
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.steps import Step


def select_nodes(
    context: dg.AssetExecutionContext,
    files: DbtProjectFiles,
    step: Step,
    checks: Collection[dg.AssetCheckSpec],
) -> list[str]:
    """dbt's arguments: the whole step, or the requested models and the tests of `checks` by name.

    If dbt selected the tests of a subset, it would omit those that also read a model outside the
    subset and its upstream, and their checks would have no result.
    """
    if not context.is_subset:
        models = [files.manifest["nodes"][model] for model in step.models]
        # a test that also needs a model of a later step belongs to that step
        return ["--select", _names(models), "--indirect-selection", "buildable"]
    models = [files.models[".".join(key.path)] for key in context.selected_asset_keys]
    tests = [_test_of(check, files) for check in checks]
    return ["--select", _names([*models, *tests]), "--indirect-selection", "empty"]


def _test_of(check: dg.AssetCheckSpec, files: DbtProjectFiles) -> Mapping[str, Any]:
    node: Mapping[str, Any] = files.manifest["nodes"][(check.metadata or {})[UNIQUE_ID]]
    return node


def split_checks(
    context: dg.AssetExecutionContext, files: DbtProjectFiles, lake: Lake
) -> tuple[list[dg.AssetCheckSpec], list[dg.AssetCheckResult]]:
    """The requested checks that can run, and the results of those that read a missing table.

    A part of a step may have tests that read tables outside of it, which a new lake does not have.
    """
    built = {".".join(key.path) for key in context.selected_asset_keys}
    checks = list(context.assets_def.check_specs)  # the requested ones
    read = [_tables_of(check, files) - built for check in checks]
    with lake.reader() as cursor:
        absent = {table for table in set[str]().union(*read) if not table_exists(cursor, table)}
    ready, results = [], []
    for check, tables in zip(checks, read, strict=True):
        missing = sorted(tables & absent)
        if not missing:
            ready.append(check)
            continue
        result = dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"nothing was checked: it reads {' and '.join(missing)}, not built "
            "yet; select that as well",
        )
        results.append(result)
    return ready, results


def _tables_of(check: dg.AssetCheckSpec, files: DbtProjectFiles) -> set[str]:
    """The tables and views that a test reads."""
    parents = [
        files.manifest["nodes"].get(id) or files.manifest["sources"][id]
        for id in _test_of(check, files)["depends_on"]["nodes"]
    ]
    return {
        f"{node['schema']}.{node.get('alias') or node['identifier']}"
        for node in parents
        if node.get("config", {}).get("materialized") != "ephemeral"
    }


def _names(nodes: Iterable[Mapping[str, Any]]) -> str:
    return " ".join(".".join(node["fqn"]) for node in nodes)
