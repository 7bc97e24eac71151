"""The monitoring step of a model: drift, matured labels, and the reaction to them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from lakehouse import markdown
from lakehouse.lake.layout import MONITORING
from lakehouse.models import ModelSpec
from lakehouse.monitoring import Finding, watch
from lakehouse.monitoring.react.actions import Action
from lakehouse.monitoring.react.readiness import assess_readiness
from lakehouse.monitoring.react.step import react
from lakehouse.monitoring.review.comparisons import ComparisonVerdict
from lakehouse.monitoring.review.performance import performance_history
from lakehouse.monitoring.review.step import review
from lakehouse.orchestration.components.base import asset_key, group_of
from lakehouse.orchestration.metadata import picture
from lakehouse.orchestration.policies import AUTO_REFRESH, freshness_of
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs.retries import retry_step
from lakehouse.orchestration.runs.webhook import post_or_log
from lakehouse.scoring import fallback

CHECKS = {
    "scores": "Scores are numbers, vary, are distributed as before, and raise no flood of alerts; "
    "the features are those that the model was trained on.",
    "volume": "No day has many more or fewer rows than the same weekday usually has.",
    "feature_drift": "No feature has drifted far from its training distribution (PSI).",
    "missing_values": "No feature is missing much more or less often than in training.",
    "unseen_categories": "No feature has many values that did not occur in training.",
    "score_drift": "The scores are distributed as in the test period (PSI).",
    "alerts_at_capacity": "As many alerts a day (or week) as can be reviewed, within 15 % over "
    "four weeks.",
    "calibration": "On settled labels there are about as many positives as the scores predict.",
    "matured_performance": "On settled labels the champion is not significantly worse than its "
    "limit allows.",
    "fairness": "On settled labels no two groups differ by significantly more than the limit.",
    "rollback_ready": "The version that a rollback would restore can score the newest rows.",
    "expiry": "The champion is not older than its model card allows.",
}
_NO_FINDING = {
    "scores": "the version that decides has scored no rows yet",
    "calibration": "too few labels of scored rows have settled yet",
    "alerts_at_capacity": "too few whole days have been scored yet",
    "matured_performance": "too few labels of scored rows have settled yet",
    "fairness": "too few labels of scored rows have settled yet",
}
_SCORE_FINDINGS = (
    "features_as_trained",
    "scores_valid",
    "scores_vary",
    "score_jump",
    "alert_volume",
)


def monitoring_step(spec: ModelSpec) -> dg.AssetsDefinition:
    """Examine everything that was scored or has matured since the last step."""
    key = asset_key(MONITORING.table(spec.name))
    checks = {name: text for name, text in CHECKS.items() if _applies(spec, name)}

    @dg.asset(
        key=key,
        deps=[asset_key(spec.predictions_table), asset_key(spec.label_table)],
        description=f"How {spec.name} performs in production: drift against its training period, "
        "performance on settled labels, comparisons with versions that score in parallel, and the "
        "actions taken.",
        group_name=group_of(spec, MONITORING),
        kinds={"python", "duckdb"},
        owners=list(spec.owners),
        tags=spec.tags,
        freshness_policy=freshness_of(spec.freshness),
        automation_condition=AUTO_REFRESH,
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=text) for name, text in checks.items()
        ],
    )
    @retry_step
    def monitoring(
        context: dg.AssetExecutionContext, lake: LakeResource, refresh: Refresh, clock: Clock
    ) -> Iterator[object]:
        run_id, now = context.run.run_id, clock.now()
        with lake.lake.reader() as reader:
            falls_back = fallback.is_active(reader, spec)
        if falls_back:
            yield from _unchecked(key, checks)
            return
        watched = watch(
            spec,
            lake.lake,
            since=refresh.since_time,
            full_refresh=refresh.full_refresh,
            run_id=run_id,
            now=now,
        )
        reviewed = review(spec, lake.lake, full_refresh=refresh.full_refresh, run_id=run_id)
        actions = react(spec, lake.lake, watched, reviewed, run_id=run_id, now=now)
        with lake.lake.reader() as reader:
            falls_back = fallback.is_active(reader, spec)
        ready = () if falls_back else assess_readiness(spec, lake.lake, run_id=run_id, now=now)
        announce(context, spec, lake, actions)
        for version, why in watched.unwatched.items():
            context.log.warning(f"{version} decided on new rows and is not monitored: {why}")
        metadata: dict[str, Any] = {
            "champion": watched.version,
            "rows_watched": watched.rows,
            "days_watched": len(watched.days),
            "days_matured": reviewed.new_days,
            "comparisons": dg.MetadataValue.md(_comparisons(spec, reviewed.compared)),
            "actions": dg.MetadataValue.md(_actions(actions)),
            "unwatched": dg.MetadataValue.json(dict(watched.unwatched)),
        }
        if reviewed.until is not None:
            metadata["labels_settled_before"] = str(reviewed.until)
        if watched.days or reviewed.new_days:
            metadata |= _pictures(spec, lake)
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        findings = (*watched.findings, *reviewed.findings, *ready)
        former = tuple(one for look in watched.former for one in look.findings)
        for name in checks:
            yield _result(key, name, findings, former)

    return monitoring


def _unchecked(key: dg.AssetKey, checks: Iterable[str]) -> Iterator[object]:
    """No champion: nothing is examined, so no check passes."""
    yield dg.MaterializeResult(asset_key=key, metadata={"champion": fallback.NAME})
    for name in checks:
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="not checked: no version decides, the declared fallback scores",
        )


def _applies(spec: ModelSpec, name: str) -> bool:
    if name == "fairness":
        return spec.fairness is not None
    if name == "alerts_at_capacity":
        return spec.task.decides and spec.threshold.rule == "capacity"
    return name != "calibration" or spec.task.decides


def announce(
    context: dg.AssetExecutionContext,
    spec: ModelSpec,
    lake: LakeResource,
    actions: Sequence[Action],
) -> None:
    """Report to the log and the webhook each action, or failed action, on a model."""
    for action in actions:
        text = f"{action.action} {action.version}: {action.why}; {action.outcome}"
        context.log.warning(text)
        payload = {"text": f"{spec.name}: {text}", "model": spec.name, **vars(action)}
        post_or_log(lake.settings, {**payload, "run_id": context.run.run_id}, context.log.warning)


def _result(
    key: dg.AssetKey, name: str, findings: Sequence[Finding], former: Sequence[Finding] = ()
) -> dg.AssetCheckResult:
    """The worst of a check's newest findings, the champion's before those of `former` champions.

    Without any findings nothing was checked, and the check does not pass.
    """
    relevant = _findings_of(name, findings) or _findings_of(name, former)
    if not relevant:
        why = _NO_FINDING.get(name, "no whole day has been scored yet")
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"nothing was checked: {why}",
        )
    worst = min(
        relevant, key=lambda one: (one.passed is True, not one.failed, one.severity != "error")
    )
    metadata: dict[str, Any] = {"day": str(worst.day)}
    metadata |= {k: v for k, v in (("value", worst.value), ("bound", worst.bound)) if v is not None}
    if worst.remedy:
        metadata["remedy"] = worst.remedy
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=worst.passed is True,
        severity=dg.AssetCheckSeverity.ERROR
        if worst.severity == "error"
        else dg.AssetCheckSeverity.WARN,
        description=worst.cause or f"within its limit on {worst.day}",
        metadata=metadata,
    )


def _findings_of(name: str, findings: Sequence[Finding]) -> list[Finding]:
    """Findings of a check; no findings on scores if only the schema was checked."""
    if name == "scores":
        scored = [one for one in findings if one.name in _SCORE_FINDINGS]
        return scored if any(one.name != "features_as_trained" for one in scored) else []
    return [one for one in findings if one.name == name]


def _pictures(spec: ModelSpec, lake: LakeResource) -> dict[str, Any]:
    from lakehouse.monitoring.pictures import draw_pictures

    with lake.lake.reader() as cursor:
        matured = performance_history(cursor, spec, spec.primary_metric)
    drawn = draw_pictures(spec, lake.lake, matured)
    return {f"picture/{name}": picture(png, name) for name, png in drawn.items()}


def _comparisons(spec: ModelSpec, compared: Sequence[ComparisonVerdict]) -> str:
    if not compared:
        return "No version scores in parallel with the champion, or no common row has matured."
    rows = []
    for one in compared:
        e = one.evidence
        between = f"{e['difference']:+.4f} ({e['low']:+.4f} to {e['high']:+.4f})"
        figures = (f"{e['ours']:.4f}", f"{e['champions']:.4f}", between)
        rows.append((one.version, one.role, *figures, one.verdict))
    head = ("version", "role", spec.primary_metric, "champion", "difference", "verdict")
    return markdown.table(head, rows)


def _actions(actions: Sequence[Action]) -> str:
    if not actions:
        return "None was necessary."
    return "\n".join(
        f"- **{markdown.escape(one.action)}** "
        + markdown.escape(
            f"{one.version}: {one.why}. {'Done' if one.done else 'Not done'}. {one.outcome}"
        )
        for one in actions
    )
