"""The dbt models as assets: each step of `steps.py` is a multi-asset.

A step whose inputs are unchanged since its last success is skipped; it logs the skip and repeats
the results of its checks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from lakehouse.lake import Author, Lake, Progress, Table, all_progress, rows_written
from lakehouse.lake.layout import REPORTING
from lakehouse.orchestration.dbt.lineage import Inputs, LineageCache
from lakehouse.orchestration.dbt.names import (
    DagsterDbtTranslator,
    DbtCoreCliEventMessage,
)
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.reasons import why_no_rows
from lakehouse.orchestration.dbt.runner import run_dbt
from lakehouse.orchestration.dbt.selection import select_nodes, split_checks
from lakehouse.orchestration.dbt.state import input_state, load_build, save_build
from lakehouse.orchestration.dbt.steps import Step, domain_of, find_steps, inputs_of
from lakehouse.orchestration.metadata import ROW_COUNT, ROWS_WRITTEN, WHY_NO_ROWS, no_rows_metadata
from lakehouse.orchestration.policies import (
    AUTO_REFRESH,
    DEFAULT_FRESHNESS,
    check_condition,
    group_name,
)
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retry_step
from lakehouse.orchestration.table_metadata import describe_table

PRIORITY_TAG = "dagster/priority"
"""Dagster's tag of the order of steps: reports are built after the predictions of the same run."""


class Translator(DagsterDbtTranslator):
    """Keys and groups by layer: a model's key is `layer/name`, whatever its folder."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`schema/table` of the lake."""
        table = dbt_resource_props.get("identifier") or dbt_resource_props["name"]
        return dg.AssetKey([dbt_resource_props["schema"], table])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The domain and the layer."""
        return group_name(domain_of(dbt_resource_props), str(dbt_resource_props["schema"]))

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """The model's own owners, or the team of its domain."""
        domain = domain_of(dbt_resource_props)
        own = super().get_owners(dbt_resource_props)
        return own or ([f"team:{domain}"] if domain else None)

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        """dbt's spec, with the automation and freshness policies of all assets."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(
            automation_condition=AUTO_REFRESH, freshness_policy=DEFAULT_FRESHNESS
        )


def build_dbt_assets(files: DbtProjectFiles) -> list[dg.AssetsDefinition]:
    """A multi-asset for each step that has models."""
    return [_assets(files, step) for step in find_steps(files.manifest)]


def build_dbt_assets_of(
    files: DbtProjectFiles, sources: Collection[str]
) -> list[dg.AssetsDefinition]:
    """The multi-assets of the domains that read only these sources."""
    steps = find_steps(files.manifest)
    others = {
        step.domain
        for step in steps
        if not {*inputs_of(step.models, files.manifest).sources} <= {*sources}
    }
    return [_assets(files, step) for step in steps if step.domain not in others]


def _assets(files: DbtProjectFiles, step: Step) -> dg.AssetsDefinition:
    specs, check_specs = _specs(files.manifest, step)

    @dg.multi_asset(
        name=step.name,
        specs=specs,
        check_specs=check_specs,
        can_subset=True,
        op_tags={PRIORITY_TAG: "-1"} if step.stage == REPORTING else None,
        allow_arbitrary_check_specs=True,  # checks need not match models one to one
    )
    @retry_step
    def build(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh
    ) -> Iterator[Any]:
        whole = not context.is_subset
        lineage = LineageCache(files)
        with lake.lake.reader() as cursor:
            state = input_state(step, files, cursor)
            last = load_build(cursor, step) if whole and refresh.only_new else None
            unchanged = last if last is not None and last.state == state else None
            progress = all_progress(cursor) if unchanged else {}
            metadata = {
                table: _model_metadata(
                    cursor, table, files, lineage.read(table, files.target, lake.lake), 0, progress
                )
                for table in (unchanged.models if unchanged else ())
            }
        if unchanged:
            context.log.info(
                f"{step.name}: skipped, no input has changed since {unchanged.built_at:%F %T}"
            )
            for table in unchanged.models:
                yield dg.MaterializeResult(
                    asset_key=dg.AssetKey(Table(table).parts), metadata=metadata[table]
                )
            yield from unchanged.results()
            return
        target = files.target / "runs" / f"{step.name}-{context.run.run_id[:8]}"
        before = lake.lake.snapshot()
        lake.lake.close()  # dbt opens its own DuckDB, and both share one memory limit
        models: list[str] = []
        checks: list[dg.AssetCheckResult] = []
        # SQLite cleans up when the last connection closes, and a connection that opens meanwhile
        # waits a whole second. This reader keeps one open, so that dbt and the metadata queries do
        # not block each other.
        with lake.lake.reader():
            for event in _events(context, files, target, step, refresh, lake.lake):
                if isinstance(event, dg.Output):
                    table = ".".join(context.asset_key_for_output(event.output_name).path)
                    models.append(table)
                    written = rows_written(lake.lake, table, before)
                    inputs = lineage.read(table, target, lake.lake)
                    with lake.lake.reader() as cursor:
                        extra = _model_metadata(
                            cursor, table, files, inputs, written, all_progress(cursor)
                        )
                    if reason := extra.get(WHY_NO_ROWS):
                        context.log.info(f"{table}: {reason}")
                    event = event.with_metadata({**event.metadata, **extra})
                elif isinstance(event, dg.AssetCheckResult):
                    checks.append(event)
                yield event
        if whole:
            author = Author(f"dbt/{step.name}", context.run.run_id)
            save_build(lake.lake, step, state, models, checks, author)

    return build


def _specs(
    manifest: Mapping[str, Any], step: Step
) -> tuple[list[dg.AssetSpec], list[dg.AssetCheckSpec]]:
    """The models of the step, and their data tests, each as a check of one of them."""
    translator, specs, checks = Translator(), [], []
    for unique_id in step.models:
        spec = translator.get_asset_spec(manifest, unique_id, None)
        specs.append(spec)
        for child in manifest["child_map"][unique_id]:
            if child.startswith("test."):
                checks.append(translator.get_asset_check_spec(spec, manifest, child, None))
    return specs, [
        check._replace(automation_condition=check_condition(check.asset_key))
        for check in checks
        if check
    ]


def _events(
    context: dg.AssetExecutionContext,
    files: DbtProjectFiles,
    target: Path,
    step: Step,
    refresh: Refresh,
    lake: Lake,
) -> Iterator[Any]:
    translator = Translator()
    ready: list[dg.AssetCheckSpec] = []
    if context.is_subset:
        ready, unready = split_checks(context, files, lake)
        yield from unready
        if not ready and not context.selected_asset_keys:
            return
    arguments = [
        "build",
        *select_nodes(context, files, step, ready),
        # unit tests need no data: they belong to the project's test suite
        *("--exclude-resource-type", "unit_test"),
    ]
    if refresh.full_refresh:
        arguments.append("--full-refresh")
    variables = {**refresh.days, "run_id": context.run.run_id}
    for result in run_dbt(files, arguments, variables, target):
        message = DbtCoreCliEventMessage(raw_event=result, event_history_metadata={})
        yield from message.to_default_asset_events(files.manifest, translator, context, target)


def _model_metadata(
    cursor: duckdb.DuckDBPyConnection,
    table: str,
    files: DbtProjectFiles,
    lineage: Inputs | None,
    written: int | None,
    progress: Mapping[str, Progress],
) -> dict[str, Any]:
    """Rows, columns with their descriptions, the lineage of each column, and why rows are missing.

    `written` rows by this run; None for a view.
    """
    node = files.models[table]
    metadata = describe_table(
        cursor,
        table,
        descriptions={name: column["description"] for name, column in node["columns"].items()},
        lineage=lineage,
    )
    if written is not None:
        metadata[ROWS_WRITTEN] = written
    is_view = node["config"]["materialized"] == "view"  # it shows its rows, and writes none
    if metadata[ROW_COUNT] if is_view else written:
        return metadata
    reason = why_no_rows(node["unique_id"], files.manifest, progress)
    return {**metadata, **no_rows_metadata(reason)}
