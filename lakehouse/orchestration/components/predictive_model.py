"""A model as assets: its training set, its versions, and its predictions."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from lakehouse.lake import Lake
from lakehouse.orchestration.components.base import SpecComponent, asset_key
from lakehouse.orchestration.model_pictures import pictures
from lakehouse.orchestration.policies import REFRESHED_BY_ITSELF, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.table_metadata import table_metadata
from lakehouse.scoring import find_broken, score
from lakehouse.training import ModelSpec, TrainReport, train
from lakehouse.training.inputs import feature_tables


class PredictiveModel(SpecComponent):
    """A LightGBM model: trained when it is due, promoted by its gates, scoring what is new."""

    spec_class = ModelSpec
    spec: ModelSpec

    def definitions(self) -> dg.Definitions:
        """The step that trains and the step that scores."""
        return dg.Definitions(assets=[_training(self.spec), _predictions(self.spec)])


def _training(spec: ModelSpec) -> dg.AssetsDefinition:
    training, model = asset_key(spec.training_table), dg.AssetKey(["models", spec.name])
    policy = freshness_of(spec.freshness)

    @dg.multi_asset(
        name=f"train_{spec.name}",
        specs=[
            dg.AssetSpec(
                training,
                deps=[asset_key(table) for table in spec.upstream_tables],
                description=f"Pinned training sets of {spec.name}: spine, features and settled "
                "labels as of one lake snapshot.",
                group_name="training",
                kinds={"python", "duckdb"},
                owners=list(spec.owners),
                tags=spec.tags,
                freshness_policy=policy,
                automation_condition=REFRESHED_BY_ITSELF,
            ),
            dg.AssetSpec(
                model,
                deps=[training],
                description=f"{spec.description}\n\nVersions are in registry.versions; the "
                "champion is the one that decides.",
                group_name="models",
                kinds={"python", "lightgbm"},
                owners=list(spec.owners),
                tags=spec.tags,
                freshness_policy=policy,
                automation_condition=REFRESHED_BY_ITSELF,
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "gates",
                asset=model,
                description="The newest version passes every gate; without that it is no champion.",
            ),
            dg.AssetCheckSpec(
                "champion",
                asset=model,
                blocking=True,
                description="There is a version that may decide: nothing is scored without one.",
            ),
        ],
    )
    def training_step(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh, clock: Clock
    ) -> Iterator[object]:
        report = train(spec, lake.lake, force=refresh.force, run_id=context.run_id, now=clock.now())
        version = report.version
        context.log.info(f"{version.version}: {report.why} {report.decision}")
        yield dg.MaterializeResult(
            asset_key=training,
            metadata={
                **table_metadata(
                    lake.lake, spec.training_table, lineage=_feature_lineage(spec, lake.lake)
                ),
                "training_set_id": version.training_set_id,
                "sha256": version.training_set_hash,
                "snapshot": version.snapshot,
                "periods": dg.MetadataValue.json(dict(version.split)),
            },
        )
        yield dg.MaterializeResult(asset_key=model, metadata=_model_metadata(spec, report, lake))
        failed = [gate for gate in report.gates if not gate.passed]
        yield dg.AssetCheckResult(
            asset_key=model,
            check_name="gates",
            passed=not failed,
            severity=dg.AssetCheckSeverity.WARN if report.champion else dg.AssetCheckSeverity.ERROR,
            description="; ".join(
                f"{gate.gate}: {_number(gate.value)} against {gate.threshold:g}"
                for gate in failed or report.gates
            ),
        )
        yield dg.AssetCheckResult(
            asset_key=model,
            check_name="champion",
            passed=report.champion is not None,
            description=f"{report.champion} decides"
            if report.champion
            else f"no version was promoted; {version.version} failed its gates",
        )

    return training_step


def _predictions(spec: ModelSpec) -> dg.AssetsDefinition:
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
    def predictions(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh, clock: Clock
    ) -> Iterator[object]:
        report = score(
            spec,
            lake.lake,
            since=refresh.since_time,
            until=refresh.until_time,
            full_refresh=refresh.full_refresh,
            run_id=context.run_id,
            now=clock.now(),
        )
        yield dg.MaterializeResult(
            metadata={
                **table_metadata(lake.lake, spec.predictions_table),
                "rows_added": report.rows,
                "without_features": report.without_features,
                "version": report.version,
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


def _feature_lineage(spec: ModelSpec, lake: Lake) -> dict[str, list[tuple[str, str]]]:
    with lake.reader() as cursor:
        tables = feature_tables(cursor, spec)
    return {
        column: [(f"features.{table.name}", column)]
        for table in tables
        for column, _ in table.columns
    }


def _model_metadata(spec: ModelSpec, report: TrainReport, lake: LakeResource) -> dict[str, Any]:
    version = report.version
    metadata: dict[str, Any] = {
        "version": version.version,
        "trained": report.trained,
        "why": report.why,
        "champion": report.champion or "none",
        "artefact": version.artefact,
        "files_sha256": dg.MetadataValue.json(dict(version.files)),
    }
    for name, value in version.metrics.get("test", {}).items():
        if value is not None:
            metadata[f"test/{name}"] = float(value)
    if report.decision:
        metadata["promotion"] = report.decision
    return metadata | pictures(spec, lake.lake, version)


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4g}"
