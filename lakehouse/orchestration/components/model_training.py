"""The training step: a pinned training set and a model version, with gates as checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb

from lakehouse.evaluation.document import ACCEPTABLE_FAIRNESS, Evaluation
from lakehouse.evaluation.remarks import find_remarks
from lakehouse.lake import Lake, is_retryable, rows_written
from lakehouse.lake.layout import TRAINING, VERSIONS, feature_view
from lakehouse.models import ModelSpec, TrainingError
from lakehouse.models.artefact import load_evaluation
from lakehouse.models.inputs import feature_tables
from lakehouse.orchestration.components.base import asset_key, group_of
from lakehouse.orchestration.metadata import ROWS_WRITTEN
from lakehouse.orchestration.model_pictures import presentation
from lakehouse.orchestration.policies import AUTO_REFRESH, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retry_step
from lakehouse.orchestration.runs.webhook import post_or_log
from lakehouse.orchestration.table_metadata import describe_table
from lakehouse.scoring import fallback
from lakehouse.training import TrainReport, report_champion, train


def training_step(spec: ModelSpec) -> dg.AssetsDefinition:
    """Build pinned training sets and versions of the model in one step."""
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
                group_name=group_of(spec, TRAINING),
                kinds={"python", "duckdb"},
                owners=list(spec.owners),
                tags=spec.tags,
                freshness_policy=policy,
                automation_condition=AUTO_REFRESH,
            ),
            dg.AssetSpec(
                model,
                deps=[training],
                description=f"{spec.description}\n\nVersions are in {VERSIONS}; the "
                "champion is the one that decides.",
                group_name=group_of(spec, "models"),
                kinds={"python", "lightgbm"},
                owners=list(spec.owners),
                tags=spec.tags,
                freshness_policy=policy,
                automation_condition=AUTO_REFRESH,
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "gates",
                asset=model,
                description="The newest version passes every gate; else it cannot be champion.",
            ),
            dg.AssetCheckSpec(
                "champion",
                asset=model,
                blocking=True,
                description="There is a version that may decide: nothing is scored without one.",
            ),
            dg.AssetCheckSpec(
                "trained",
                asset=model,
                description="Training succeeded when due. If not, the champion keeps deciding.",
            ),
            dg.AssetCheckSpec(
                "remarks",
                asset=model,
                description="The newest version was examined (capacity, calibration, stability, "
                "stress, labels, proxies), and nothing stands out that a reviewer should see.",
            ),
            *(
                [
                    dg.AssetCheckSpec(
                        "fairness",
                        asset=model,
                        description="In the test period groups could be compared, and no two "
                        "differ by significantly more than the limit.",
                    )
                ]
                if spec.fairness
                else []
            ),
        ],
    )
    @retry_step
    def train_model(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh, clock: Clock
    ) -> Iterator[object]:
        before = lake.lake.snapshot()
        report, problem = _train(context, spec, lake, refresh, clock)
        version = report.version
        context.log.info(f"{version.version}: {report.why} {report.decision}")
        with lake.lake.reader() as cursor:
            table = describe_table(
                cursor, spec.training_table, lineage=_feature_lineage(spec, cursor)
            )
        yield dg.MaterializeResult(
            asset_key=training,
            metadata={
                **table,
                ROWS_WRITTEN: rows_written(lake.lake, spec.training_table, before),
                "training_set_id": version.training_set_id,
                "sha256": version.training_set_hash,
                "snapshot": version.snapshot,
                "periods": dg.MetadataValue.json(dict(version.split)),
            },
        )
        _mirror(context, spec, lake)
        for note in report.notes:
            context.log.warning(f"{version.version}: {note}")
        evaluation = load_evaluation(lake.settings.models_dir, version)
        yield dg.MaterializeResult(asset_key=model, metadata=_model_metadata(spec, report, lake))
        failed = [gate for gate in report.gates if not gate.passed]
        yield dg.AssetCheckResult(
            asset_key=model,
            check_name="gates",
            passed=bool(report.gates) and not failed,
            severity=dg.AssetCheckSeverity.WARN
            if report.champion or not report.gates
            else dg.AssetCheckSeverity.ERROR,
            description="no gate is declared, so nothing was checked"
            if not report.gates
            else "; ".join(
                f"{gate.gate}: {_number(gate.value)} against {gate.threshold:g}"
                for gate in failed or report.gates
            ),
        )
        yield _champion(spec, lake.lake, model, report)
        yield dg.AssetCheckResult(
            asset_key=model,
            check_name="trained",
            passed=not problem,
            description=problem or report.why,
        )
        yield _remarks(model, evaluation)
        if spec.fairness:
            yield _fairness(model, evaluation)

    return train_model


def _champion(
    spec: ModelSpec, lake: Lake, model: dg.AssetKey, report: TrainReport
) -> dg.AssetCheckResult:
    """Blocks downstream assets only if there is neither a champion nor a fallback."""
    if report.champion:
        description, falls_back = f"{report.champion} decides", False
    else:
        with lake.reader() as reader:
            falls_back = fallback.is_active(reader, spec)
        instead = (
            f", the declared fallback ({spec.promotion.fallback}) decides" if falls_back else ""
        )
        description = (
            f"no version decides{instead}: {_describe_newest(report)}; see "
            f"`lakehouse models list`, and `lakehouse models promote {spec.name} <version>`"
        )
    return dg.AssetCheckResult(
        asset_key=model,
        check_name="champion",
        passed=report.champion is not None,
        severity=dg.AssetCheckSeverity.WARN if falls_back else dg.AssetCheckSeverity.ERROR,
        description=description,
    )


def _describe_newest(report: TrainReport) -> str:
    """The outcome for the newest version, in words."""
    failed = [gate.gate for gate in report.gates if not gate.passed]
    cause = report.decision or (f"failed {', '.join(failed)}" if failed else "not promoted")
    return f"{report.version.version} is {report.version.state} ({cause})"


def _train(
    context: dg.AssetExecutionContext,
    spec: ModelSpec,
    lake: LakeResource,
    refresh: Refresh,
    clock: Clock,
) -> tuple[TrainReport, str]:
    """The outcome of training, and the reason if it fell short; new rows are scored anyway.

    Raises:
        TrainingError: when nothing can be trained and there is no champion to continue with.
    """
    run_id = context.run.run_id
    try:
        report = train(
            spec,
            lake.lake,
            force=refresh.force,
            run_id=run_id,
            now=clock.now(),
            on_progress=context.log.info,
        )
    except TrainingError as error:
        if is_retryable(error):
            raise
        problem = str(error)
        current = report_champion(spec, lake.lake, f"not trained: {problem}")
        if current is None:
            raise
        context.log.error(problem)
        text = f"{spec.name}: {problem}"
        payload = {"text": text, "model": spec.name, "run_id": run_id}
        post_or_log(lake.settings, payload, context.log.warning)
        return current, problem
    return report, ""


def _mirror(context: dg.AssetExecutionContext, spec: ModelSpec, lake: LakeResource) -> None:
    from lakehouse.tracking import mirror

    problem = mirror(lake.lake, spec.name).problem
    if problem:
        context.log.warning(problem)


def _remarks(model: dg.AssetKey, evaluation: Evaluation) -> dg.AssetCheckResult:
    examined, found = evaluation.review.stability is not None, find_remarks(evaluation)
    return dg.AssetCheckResult(
        asset_key=model,
        check_name="remarks",
        passed=examined and not found,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{one.topic}: {one.text}" for one in found)
        or ("nothing stands out" if examined else "this version was never examined"),
    )


def _fairness(model: dg.AssetKey, evaluation: Evaluation) -> dg.AssetCheckResult:
    differences = {found.column: found.equalized_odds_difference for found in evaluation.fairness}
    return dg.AssetCheckResult(
        asset_key=model,
        check_name="fairness",
        passed=bool(evaluation.fairness)
        and all(one.verdict in ACCEPTABLE_FAIRNESS for one in evaluation.fairness),
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(
            f"{found.column}: {found.verdict}"
            + (f" {found.limit:g}, rates differ by {gap.value:.2f} " if gap else "")
            + (f"({gap.level:.0%} interval {gap.low:.2f} to {gap.high:.2f})" if gap else "")
            for found in evaluation.fairness
            for gap in [differences[found.column]]
        )
        or "no group was compared",
    )


def _feature_lineage(
    spec: ModelSpec, cursor: duckdb.DuckDBPyConnection
) -> dict[str, list[tuple[str, str]]]:
    return {
        column: [(feature_view(table.name), column)]
        for table in feature_tables(cursor, spec)
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
    return metadata | presentation(spec, lake.lake, version)


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4g}"
