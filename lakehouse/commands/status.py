"""`lakehouse status`: what stands, for people and as JSON."""

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from lakehouse.commands.opening import lake_exists, open_lake
from lakehouse.commands.output import Output, Tone, Toned, Words
from lakehouse.commands.quarantine import as_row, undecided_of
from lakehouse.lake import Lake
from lakehouse.settings import Settings
from lakehouse.sources.undecided import Undecided

HEADLINES = (
    "average_precision",
    "auc_roc",
    "precision_at_capacity",
    "mae",
    "better_than_naive",
    "macro_f1",
    "accuracy",
)
"""The metrics of the test period that a summary has room for, in this order, at most three."""


def status_command(settings: Settings, *, as_json: bool) -> None:
    """Print the state of every asset and model."""
    from lakehouse.definitions import defs
    from lakehouse.orchestration.runs.status import read_status

    now = datetime.now(UTC)
    models: list[dict[str, Any]] = []
    undecided: list[Undecided] = []
    made = lake_exists(settings)
    if made:
        with open_lake(settings) as lake:
            lake.snapshot()
            status = read_status(defs(), settings, lake, now)
            undecided = undecided_of(lake)
            models = champion_rows(lake, now)
    else:
        status = read_status(defs(), settings, None, now)
    output = Output()
    if as_json:
        report = {
            **status.model_dump(mode="json"),
            "undecided": [as_row(found) for found in undecided],
            "models": models,
        }
        output.json(report)
        return
    output.table(
        ("asset", "materialized", "rows", "data age", "checks"),
        [
            (
                asset.asset,
                _ago(asset.materialized_at, now),
                "" if asset.rows is None else f"{asset.rows:,}",
                _age(asset.data_age_hours, asset.fresh),
                _checks(asset),
            )
            for asset in status.assets
        ],
        right=(2, 3),
    )
    print_troubles(output, status)
    print_undecided(output, undecided)
    print_champions(output, models)
    print_news(output, models)
    if not made:
        output.say()
        output.say("There is no lake yet; `lakehouse run` makes it.")


def print_troubles(output: Output, status: Any) -> None:
    """Everything that failed or warned: what, why, and what to do about it."""

    def tell(name: str, text: str, tone: Tone = "bad") -> None:
        output.say(Toned(name, tone), f" {text}")

    for asset in status.assets:
        if asset.error:
            tell(asset.asset, f"failed: {asset.error}")
        elif asset.failed_before:
            text = f"kept its last state: {asset.failed_before} failed before it"
            tell(asset.asset, text, "warn")
        for one in asset.checks_failed:
            tell(asset.asset, _found(one, "failed"))
        for one in asset.checks_warned:
            tell(asset.asset, _found(one, "warned"), "warn")
    told = {asset.error for asset in status.assets}
    for step in status.failed_steps:
        if step.error not in told:
            tell(step.step, f"of {step.job} failed: {step.error}")


def print_undecided(output: Output, undecided: list[Undecided]) -> None:
    """A line for each source that has something to decide, whatever its last checks were."""
    for source, found in groupby(undecided, key=lambda one: one.source):
        files = list(found)
        floods = sum(one.is_flood for one in files)
        rows = sum(one.rows for one in files if one.kind == "rows")
        refused = sum(one.kind == "file" for one in files)
        short = sum(one.kind == "volume" for one in files)
        told = [f"{rows:,} rejected rows"] if rows else []
        told += [f"{refused:,} refused files"] if refused else []
        told += [f"{short:,} files with too few rows"] if short else []
        drifted = sum(one.kind == "columns" for one in files)
        told += [f"{drifted:,} files with other columns"] if drifted else []
        stops = f"; {floods:,} loads stop everything behind it" if floods else ""
        output.say(
            Toned(f"raw/{source}", "bad" if floods else "warn"),
            f" undecided: {', '.join(told)}{stops}; see lakehouse quarantine list {source}",
        )


def _found(check: Any, outcome: str) -> str:
    cause = f": {check.cause}" if check.cause else ""
    remedy = f"; {check.remedy}" if check.remedy else ""
    return f"check {check.check} {outcome}{cause}{remedy}"


def champion_rows(lake: Lake, now: datetime | None = None) -> list[dict[str, Any]]:
    """Every declared model with its champion: version, since when, metrics of the test period.

    Also whether it has expired by `now`, whether the fallback decides, the versions beside it, the
    request for a retrain that is open, and the last actions.
    """
    from lakehouse.models.expiry import expiry
    from lakehouse.models.spec import ModelSpec
    from lakehouse.monitoring.react.actions import last_actions
    from lakehouse.registry.promotion import find_champion
    from lakehouse.registry.requests import open_request
    from lakehouse.registry.versions import find_versions, lake_time
    from lakehouse.scoring import fallback
    from lakehouse.specs import find_specs

    rows: list[dict[str, Any]] = []
    with lake.reader() as cursor:
        for spec in find_specs("PredictiveModel", ModelSpec):
            versions = find_versions(cursor, spec.name)
            champion = find_champion(cursor, spec.name)
            newest = versions[0].created_at if versions else None
            asked = open_request(cursor, spec.name, newest)
            rows.append(
                {
                    "model": spec.name,
                    "version": champion.version if champion else None,
                    "created_at": champion.created_at if champion else None,
                    "metrics": dict(champion.metrics.get("test", {})) if champion else {},
                    "expired": expiry(spec, champion).warning(lake_time(now)) if champion else "",
                    "fallback": spec.promotion.fallback if fallback.decides(cursor, spec) else None,
                    "shadows": [one.version for one in versions if one.state == "shadow"],
                    "retrain_asked_for": vars(asked) if asked else None,
                    "last_actions": last_actions(cursor, spec.name),
                }
            )
    return rows


def print_news(output: Output, models: list[dict[str, Any]]) -> None:
    """Per model: who scores beside the champion, what was asked for, and what was done last."""
    for model in models:
        lines = [f"{version} scores beside the champion" for version in model["shadows"]]
        if model["expired"]:
            lines.insert(0, model["expired"])
        if model["fallback"]:
            lines.insert(0, f"no version decides: the fallback ({model['fallback']}) scores")
        if asked := model["retrain_asked_for"]:
            lines.append(
                f"a retrain was asked for on {asked['asked_at']:%Y-%m-%d}: {asked['reason']}"
            )
        for action in model["last_actions"]:
            done = action["outcome"] if action["done"] else f"not done: {action['outcome']}"
            told = f"{action['action']} {action['version']}: {action['why']}; {done}"
            lines.append(f"{action['taken_at']:%Y-%m-%d %H:%M} {told}")
        for line in lines:
            output.say(f"{model['model']}: {line}")


def print_champions(output: Output, champions: list[dict[str, Any]]) -> None:
    """A line for each champion with its most telling metrics."""
    if not champions:
        return
    rows = []
    for champion in champions:
        metrics = champion["metrics"]
        shown = [f"{m} {metrics[m]:.3f}" for m in HEADLINES if metrics.get(m) is not None][:3]
        version = champion["version"] or Toned("none", "warn")
        rows.append((champion["model"], version, ", ".join(shown)))
    output.say()
    output.table(("champion", "version", "on the test period"), rows)


def _ago(moment: datetime | None, now: datetime) -> Words:
    if moment is None:
        return Toned("never", "soft")
    if moment > now:
        return Toned(f"{_span(moment - now)} ahead", "warn")
    return f"{_span(now - moment)} ago"


def _age(hours: float | None, fresh: bool | None) -> Words:
    if hours is None:
        return ""
    text = _span(timedelta(hours=abs(hours)))
    if hours < 0:
        return Toned(f"{text} ahead", "warn")
    return Toned(f"{text} (late)", "warn") if fresh is False else text


def _span(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    if hours < 2:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def _checks(asset: Any) -> Words:
    """Such as `5 passed, failed: volume, warned: quarantine`."""
    parts = [f"{asset.checks_passed} passed"] if asset.checks_passed else []
    for word, checks in (("failed", asset.checks_failed), ("warned", asset.checks_warned)):
        if checks:
            parts.append(f"{word}: {', '.join(one.check for one in checks)}")
    text = ", ".join(parts)
    if asset.checks_failed:
        return Toned(text, "bad")
    return Toned(text, "warn") if asset.checks_warned else text
