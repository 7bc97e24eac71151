"""The scoring step: the champion's log, and in parallel the log of versions that do not decide."""

from collections.abc import Iterator

import dagster as dg

from lakehouse.lake import is_retryable
from lakehouse.lake.layout import PREDICTIONS, feature_view
from lakehouse.models import BadArtefact, ModelSpec, SchemaMismatch
from lakehouse.models.expiry import Expired
from lakehouse.models.schema import describe_clipped
from lakehouse.models.upkeep import refresh_old_features
from lakehouse.monitoring.react.step import roll_back_failing_champion
from lakehouse.orchestration.components.base import asset_key, group_of
from lakehouse.orchestration.components.model_monitoring import announce
from lakehouse.orchestration.metadata import ROWS_WRITTEN, no_rows_metadata
from lakehouse.orchestration.policies import AUTO_REFRESH, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retry_step
from lakehouse.orchestration.table_metadata import describe_table
from lakehouse.registry.promotion import find_champion
from lakehouse.scoring import ScoreReport, fallback, find_log_problems, reconcile, score
from lakehouse.scoring.scorers import find_readers


def predictions_step(spec: ModelSpec) -> dg.AssetsDefinition:
    """Score every new row with the champion and the versions in parallel to it."""
    key = asset_key(spec.predictions_table)

    @dg.asset(
        key=key,
        deps=[
            dg.AssetKey(["models", spec.name]),
            asset_key(spec.spine.table),
            *(asset_key(feature_view(name)) for name in spec.feature_sets),
        ],
        description=f"What {spec.name} decides on every new row, once, by the version that was "
        "champion when it landed: the current entries of an append-only log.",
        group_name=group_of(spec, PREDICTIONS),
        kinds={"python", "lightgbm", "duckdb"},
        owners=list(spec.owners),
        tags=spec.tags,
        freshness_policy=freshness_of(spec.freshness),
        automation_condition=AUTO_REFRESH,
        check_specs=[
            dg.AssetCheckSpec(
                "complete",
                asset=key,
                blocking=True,
                description="The log has rows, each key occurs once, and no score is NULL.",
            ),
            dg.AssetCheckSpec(
                "reconciled",
                asset=key,
                description="Every landed row is scored, or there is a reason why it is not.",
            ),
            dg.AssetCheckSpec(
                "scoring_keeps_up",
                asset=key,
                description="A version decides, its feature sets are updated, and no row waits "
                "for them.",
            ),
        ],
    )
    @retry_step
    def predictions(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh, clock: Clock
    ) -> Iterator[object]:
        run_id = context.run.run_id

        def score_new_rows() -> ScoreReport:
            _keep_features(context, spec, lake, refresh)
            return score(
                spec,
                lake.lake,
                since=refresh.since_time,
                until=refresh.until_time,
                full_refresh=refresh.full_refresh,
                run_id=run_id,
                now=clock.now(),
            )

        def find_deciding() -> str | None:
            with lake.lake.reader() as reader:
                champion = find_champion(reader, spec.name)
            return champion.version if champion else None

        expected_champion = find_deciding()

        def roll_back(why: str) -> bool:
            """Roll back if the champion cannot score; the previous one may still be able to."""
            action = roll_back_failing_champion(
                spec,
                lake.lake,
                why,
                expected_champion=expected_champion,
                run_id=run_id,
                now=clock.now(),
            )
            announce(context, spec, lake, [action])
            return action.done or find_deciding() != expected_champion

        try:
            report = score_new_rows()
        except (BadArtefact, SchemaMismatch, Expired) as error:
            if is_retryable(error) or not roll_back(str(error)):
                raise
            report = score_new_rows()
        if report.stale_sets and report.waiting:
            stale = ", ".join(report.stale_sets)
            if roll_back(
                f"{report.waiting:,} rows wait for its versions of {stale}, which are not updated"
            ):
                report = score_new_rows()
        if report.clipped:
            context.log.warning(f"{report.version}: {describe_clipped(report.clipped)}")
        if report.why_no_rows:
            context.log.info(f"no row was scored: {report.why_no_rows}")
        with lake.lake.reader() as reader:
            table = describe_table(reader, spec.predictions_table)
        yield dg.MaterializeResult(
            metadata={
                **table,
                ROWS_WRITTEN: report.rows,
                **no_rows_metadata(report.why_no_rows),
                "without_features": report.without_features,
                "version": report.version,
                "older_than_the_test_period": report.passed_over,
                "decided_by_former_champions": dg.MetadataValue.json(
                    [vars(former) for former in report.former_champions]
                ),
                "clipped_values": dg.MetadataValue.json(dict(report.clipped)),
                "scored_in_parallel": dg.MetadataValue.json(
                    [vars(shadow) for shadow in report.shadows]
                ),
            }
        )
        for former in report.former_champions:
            if former.skipped:
                context.log.warning(
                    f"{former.version} was champion when rows landed and cannot score them, so "
                    f"{report.version} decided: {former.skipped}"
                )
        yield _complete(spec, lake, key)
        yield _reconciled(spec, lake, key)
        yield _keeps_up(report, key)

    return predictions


def _keep_features(
    context: dg.AssetExecutionContext, spec: ModelSpec, lake: LakeResource, refresh: Refresh
) -> None:
    """Update the features that scoring versions read and that no feature set declares any more."""
    with lake.lake.reader() as reader:
        if find_champion(reader, spec.name) is None:
            return
        versions = find_readers(reader, spec)
    failed = refresh_old_features(
        lake.lake,
        versions,
        run_id=context.run.run_id,
        since=refresh.since_time,
        until=refresh.until_time,
        full_refresh=refresh.full_refresh,
    )
    for table, cause in failed.items():
        context.log.warning(f"{table} is no longer updated: {cause}")


def _keeps_up(report: ScoreReport, key: dg.AssetKey) -> dg.AssetCheckResult:
    stale, severity = ", ".join(report.stale_sets), dg.AssetCheckSeverity.WARN
    if report.version == fallback.NAME:
        description = (
            "no version can score: each row gets the declared base rate and none is flagged; "
            "promote a version that can score, or train a new one"
        )
        severity = dg.AssetCheckSeverity.ERROR
    elif stale:
        description = (
            f"{report.version} was trained on versions of {stale} that are no longer updated; "
            "find out why no newer version was promoted"
        )
        severity = dg.AssetCheckSeverity.ERROR if report.waiting else severity
    else:
        description = f"{report.waiting:,} rows wait for their features"
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="scoring_keeps_up",
        passed=not stale and not report.waiting and report.version != fallback.NAME,
        severity=severity,
        description=description,
    )


def _complete(spec: ModelSpec, lake: LakeResource, key: dg.AssetKey) -> dg.AssetCheckResult:
    broken = find_log_problems(spec, lake.lake)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="complete",
        passed=not broken,
        description=broken or "every row of the log has one prediction",
    )


def _reconciled(spec: ModelSpec, lake: LakeResource, key: dg.AssetKey) -> dg.AssetCheckResult:
    found = reconcile(spec, lake.lake)
    remedy = (
        f"; `lakehouse run --select {key.to_user_string()} --since DAY` scores days again"
        if found.lost
        else ""
    )
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="reconciled",
        passed=bool(found.landed) and not found.lost,
        description=f"{found.summary}{remedy}",
        metadata=vars(found),
    )
