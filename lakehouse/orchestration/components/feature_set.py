"""A feature set as assets: one table for each spine, with checks on its values."""

from collections.abc import Iterator

import dagster as dg
import duckdb

from lakehouse.features import FeatureSetSpec, feature_columns, replay, view_name
from lakehouse.features import refresh as refresh_features
from lakehouse.lake import Lake, qualified, quote
from lakehouse.lake.layout import FEATURES
from lakehouse.orchestration.components.base import SpecComponent, asset_key, group_of
from lakehouse.orchestration.metadata import (
    ROW_COUNT,
    ROWS_WAITING,
    ROWS_WRITTEN,
    no_rows_metadata,
    seal_metadata,
)
from lakehouse.orchestration.policies import AUTO_REFRESH, freshness_of
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retry_step
from lakehouse.orchestration.table_metadata import describe_table

REPLAYED_ROWS = 20


class FeatureSet(SpecComponent):
    """Point-in-time features of one entity, declared once and computed for each of its spines."""

    spec_class = FeatureSetSpec
    spec: FeatureSetSpec

    def definitions(self) -> dg.Definitions:
        """One asset for each spine."""
        return dg.Definitions(assets=[_table(self.spec, spine.name) for spine in self.spec.spines])


def _table(spec: FeatureSetSpec, spine: str) -> dg.AssetsDefinition:
    view = view_name(spec, spine)
    key = asset_key(view)

    @dg.asset(
        key=key,
        deps=[asset_key(table) for table in _inputs(spec, spine)],
        description=f"{spec.description}\n\nOne row for each row of {spec.spine(spine).table}, "
        "with only what was known at that row's time.",
        group_name=group_of(spec, FEATURES),
        kinds={"python", "duckdb"},
        owners=list(spec.owners),
        tags=spec.tags,
        freshness_policy=freshness_of(spec.freshness),
        automation_condition=AUTO_REFRESH,
        check_specs=[
            dg.AssetCheckSpec(
                "nulls",
                asset=key,
                description="No feature is NULL in all of the newest rows.",
            ),
            dg.AssetCheckSpec(
                "replay",
                asset=key,
                blocking=True,
                description=f"{REPLAYED_ROWS} of the newest rows, recomputed one by one as in "
                "serving, have the same values to the bit.",
            ),
        ],
    )
    @retry_step
    def features(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh
    ) -> Iterator[object]:
        report = refresh_features(
            spec,
            lake.lake,
            spine=spine,
            run_id=context.run.run_id,
            since=refresh.since_time,
            until=refresh.until_time,
            full_refresh=refresh.full_refresh,
            progress=context.log.info,
        )
        columns = feature_columns(spec, lake.lake, spine)
        with lake.lake.reader() as cursor:
            table = describe_table(
                cursor,
                view,
                descriptions={c.name: c.description for c in columns},
                lineage={c.name: c.inputs for c in columns},
            )
            nulls = _nulls(cursor, key, view, [c.name for c in columns], report.rows_added)
        yield dg.MaterializeResult(
            metadata={
                **table,
                ROW_COUNT: report.rows_total,
                ROWS_WRITTEN: report.rows_added,
                ROWS_WAITING: report.waiting,
                **no_rows_metadata(report.reason),
                "version": report.version,
                "table": report.table,
                **seal_metadata(report.seal),
            }
        )
        yield nulls
        yield _replay(spec, spine, lake.lake, key)

    return features


def _inputs(spec: FeatureSetSpec, spine: str) -> list[str]:
    dimensions = {attribute.of for attribute in spec.attributes.values()}
    return sorted({spec.spine(spine).table, *spec.streams.values(), *dimensions})


def _nulls(
    cursor: duckdb.DuckDBPyConnection, key: dg.AssetKey, view: str, names: list[str], added: int
) -> dg.AssetCheckResult:
    """Check the loads of the rows `added` by this run, or else the last load.

    Of earlier rows it reads only the load numbers. Without any rows nothing was checked.
    """
    shares = ", ".join(f"avg(({quote(name)} IS NULL)::INTEGER)" for name in names)
    row = cursor.execute(
        f"""WITH loads AS (
                SELECT _load_id, sum(count(*)) OVER (ORDER BY _load_id DESC) - count(*) AS after
                FROM {qualified(view)} GROUP BY _load_id
            )
            SELECT count(*), {shares} FROM {qualified(view)} WHERE _load_id >=
            (SELECT min(_load_id) FROM loads WHERE after < greatest(?, 1))""",
        [added],
    ).fetchone()
    rows, *found = row or (0,)
    if not rows:
        return dg.AssetCheckResult(
            asset_key=key,
            check_name="nulls",
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{view} has no rows, so nothing was checked",
        )
    empty = [name for name, share in zip(names, found, strict=True) if share == 1]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="nulls",
        passed=not empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"NULL in all {rows:,} rows of the newest loads: {', '.join(empty)}"
        if empty
        else f"{len(names)} features of {rows:,} rows",
        metadata={"null_shares": {n: s for n, s in zip(names, found, strict=True) if s}},
    )


def _replay(spec: FeatureSetSpec, spine: str, lake: Lake, key: dg.AssetKey) -> dg.AssetCheckResult:
    report = replay(spec, lake, spine=spine, rows=REPLAYED_ROWS)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name="replay",
        passed=bool(report.rows) and not report.differences,
        severity=dg.AssetCheckSeverity.ERROR if report.rows else dg.AssetCheckSeverity.WARN,
        description="; ".join(report.differences[:5])
        or (
            f"{report.rows} rows x {report.features} features agree to the bit"
            if report.rows
            else "there are no rows, so nothing was compared"
        ),
    )
