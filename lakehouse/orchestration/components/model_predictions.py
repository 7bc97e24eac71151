"""The step that scores: the champion's log, and beside it that of versions which do not decide."""

from collections.abc import Iterator

import dagster as dg

from lakehouse.lake.transient import may_pass
from lakehouse.monitoring.react import go_back
from lakehouse.orchestration.components.base import asset_key
from lakehouse.orchestration.components.model_monitoring import announce
from lakehouse.orchestration.metadata import ROWS_WRITTEN
from lakehouse.orchestration.policies import REFRESHED_BY_ITSELF, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.retries import retrying
from lakehouse.orchestration.table_metadata import table_metadata
from lakehouse.scoring import ScoreReport, find_broken, score
from lakehouse.training import BadArtefact, ModelSpec, SchemaMismatch
from lakehouse.training.schema import clipped_text


def predictions_step(spec: ModelSpec) -> dg.AssetsDefinition:
    """What the champion, and those beside it, say of every new row."""
    key = asset_key(spec.predictions_table)

    @dg.asset(
        key=key,
        deps=[
            dg.AssetKey(["models", spec.name]),
            asset_key(spec.spine.table),
            *(asset_key(f"features.{name}") for name in spec.feature_sets),
        ],
        description=f"What the champion of {spec.name} says of every new row, once: the log.",
        group_name="predictions",
        kinds={"python", "lightgbm", "duckdb"},
        owners=list(spec.owners),
        tags=spec.tags,
        freshness_policy=freshness_of(spec.freshness),
        automation_condition=REFRESHED_BY_ITSELF,
        check_specs=[
            dg.AssetCheckSpec(
                "complete",
                asset=key,
                blocking=True,
                description="Each key is predicted once, and no score is NULL.",
            ),
            dg.AssetCheckSpec(
                "scoring_keeps_up",
                asset=key,
                description="No row waits for features, and the champion's feature sets are the "
                "current ones.",
            ),
        ],
    )
    @retrying
    def predictions(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh, clock: Clock
    ) -> Iterator[object]:
        def say() -> ScoreReport:
            return score(
                spec,
                lake.lake,
                since=refresh.since_time,
                until=refresh.until_time,
                full_refresh=refresh.full_refresh,
                run_id=context.run.run_id,
                now=clock.now(),
            )

        try:
            report = say()
        except (BadArtefact, SchemaMismatch) as error:
            if may_pass(error):
                raise
            # whoever decided before may still be able to: a champion that cannot score is no use
            action = go_back(
                spec, lake.lake, str(error), run_id=context.run.run_id, now=clock.now()
            )
            announce(context, spec, lake, [action])
            if not action.done:
                raise
            report = say()
        if report.clipped:
            context.log.warning(f"{report.version}: {clipped_text(report.clipped)}")
        yield dg.MaterializeResult(
            metadata={
                **table_metadata(lake.lake, spec.predictions_table),
                ROWS_WRITTEN: report.rows,
                "without_features": report.without_features,
                "version": report.version,
                "clipped_values": dg.MetadataValue.json(dict(report.clipped)),
                "beside_the_champion": dg.MetadataValue.json(
                    [vars(shadow) for shadow in report.shadows]
                ),
            }
        )
        yield _complete(spec, lake, key)
        stale = ", ".join(report.stale_sets)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name="scoring_keeps_up",
            passed=not stale and not report.waiting,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{report.version} was trained on versions of {stale} that grow no more; "
            "see why no newer version was promoted"
            if stale
            else f"{report.waiting:,} rows wait for their features",
        )

    return predictions


def _complete(spec: ModelSpec, lake: LakeResource, key: dg.AssetKey) -> dg.AssetCheckResult:
    broken = find_broken(spec, lake.lake)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="complete",
        passed=not broken,
        description=broken or "every row of the last load is predicted once",
    )
