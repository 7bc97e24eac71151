"""A source as two assets of one step: its landed files and its raw table."""

from collections.abc import Iterator

import dagster as dg

from lakehouse.lake.layout import RAW
from lakehouse.orchestration.components.base import SpecComponent, asset_key, group_of
from lakehouse.orchestration.components.source_checks import (
    build_check_specs,
    check_age,
    check_load,
    check_private,
    has_age,
)
from lakehouse.orchestration.metadata import ROWS_WRITTEN, no_rows_metadata, seal_metadata
from lakehouse.orchestration.policies import freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retry_transient
from lakehouse.orchestration.stopping import stoppable
from lakehouse.orchestration.table_metadata import describe_table
from lakehouse.sources import SourceSpec, extract, load
from lakehouse.sources.landing import Landing
from lakehouse.sources.manifest import count_files
from lakehouse.sources.rebuilding import needs_rebuild, rebuild
from lakehouse.sources.undecided import find_undecided


class Source(SpecComponent):
    """Data from outside: extracted into the landing zone, validated, and loaded into raw."""

    spec_class = SourceSpec
    spec: SourceSpec

    def definitions(self) -> dg.Definitions:
        """The step and its checks."""
        return dg.Definitions(assets=[_refresh(self.spec)])


def _refresh(spec: SourceSpec) -> dg.AssetsDefinition:
    landing, raw = dg.AssetKey(["landing", spec.name]), asset_key(spec.table)
    policy = freshness_of(spec.freshness)

    @dg.multi_asset(
        name=f"source_{spec.name}",
        specs=[
            dg.AssetSpec(
                landing,
                description=f"{spec.description}\n\nComplete, immutable files as received.",
                group_name=group_of(spec, "landing"),
                kinds={spec.connector.kind},
                owners=spec.owners,
                tags=spec.tags,
                freshness_policy=policy,
            ),
            dg.AssetSpec(
                raw,
                deps=[landing],
                description=f"{spec.description}\n\nEach row once, checked against the contract.",
                group_name=group_of(spec, RAW),
                kinds={"python", "duckdb"},
                owners=spec.owners,
                tags=spec.tags,
                freshness_policy=policy,
            ),
        ],
        check_specs=build_check_specs(spec),
    )
    @stoppable
    def bring_up_to_date(
        context: dg.AssetExecutionContext, lake: LakeResource, clock: Clock, refresh: Refresh
    ) -> Iterator[object]:
        with retry_transient(context):
            extraction = extract(spec, lake.settings)
        yield dg.MaterializeResult(
            asset_key=landing,
            metadata={
                "new_files": len(extraction.files),
                **({} if extraction.rows is None else {"extracted_rows": extraction.rows}),
                **seal_metadata(extraction.seal),
            },
        )
        if spec.contract.personal:
            yield check_private(spec, Landing(lake.settings, spec.name))
        rebuilt = None
        if refresh.full_refresh and (_is_selected(context, raw) or needs_rebuild(spec, lake.lake)):
            with retry_transient(context):
                rebuilt = rebuild(
                    spec,
                    lake.lake,
                    lake.settings,
                    run_id=context.run.run_id,
                    progress=context.log.info,
                )
        with retry_transient(context):
            report = load(spec, lake.lake, lake.settings, run_id=context.run.run_id)
        for name, assumed in report.assumed_seals.items():
            context.log.info(f"{name}: assumed complete up to {assumed}")
        for name, why in report.skipped_files.items():
            context.log.info(f"{name} was skipped: {why}")
        if report.why_no_rows:
            context.log.info(f"no new rows: {report.why_no_rows}")
        columns = {column.name: column.description for column in spec.contract.columns}
        with lake.lake.reader() as cursor:
            table = describe_table(cursor, spec.table, descriptions=columns)
            undecided, counts = find_undecided(cursor, spec), count_files(cursor, spec.name)
        yield dg.MaterializeResult(
            asset_key=raw,
            metadata={
                **table,
                "loaded_files": len(report.files),
                ROWS_WRITTEN: report.rows,
                "rejected_rows": report.rejected,
                "skipped_files": report.skipped_files,
                "assumed_seals": len(report.assumed_seals),
                **no_rows_metadata(report.why_no_rows),
                "new_columns": report.new_columns,
                "left_out_columns": report.discarded,
                "missing_columns": report.missing,
                "rebuilt_rows": rebuilt.rows if rebuilt else 0,
                **seal_metadata(report.seal),
            },
        )
        yield from check_load(spec, counts, undecided, report)
        if has_age(spec):
            yield check_age(spec, report.seal, clock.now())

    return bring_up_to_date


def _is_selected(context: dg.AssetExecutionContext, raw: dg.AssetKey) -> bool:
    """Whether the run selects this table by name, as opposed to all assets.

    Rebuilding raw reads everything that ever landed, so a run does it only on request.
    """
    selected = context.run.asset_selection
    return selected is not None and raw in selected
