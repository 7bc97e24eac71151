"""`lakehouse status`: what stands, for people and as JSON."""

import json
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lakehouse.commands.quarantine import as_row, undecided_of
from lakehouse.lake import Lake
from lakehouse.lake.lake import LakeError
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
    from lakehouse.orchestration.status import read_status

    now = datetime.now(UTC)
    models: list[dict[str, Any]] = []
    undecided: list[Undecided] = []
    try:
        with Lake(settings, read_only=True) as lake:
            lake.snapshot()
            status = read_status(defs(), settings, lake, now)
            undecided = undecided_of(lake)
            models = champion_rows(lake)
    except LakeError:
        if not settings.embedded or _catalog_exists(settings):
            raise
        status = read_status(defs(), settings, None, now)
    if as_json:
        report = {
            **status.model_dump(mode="json"),
            "undecided": [as_row(found) for found in undecided],
            "models": models,
        }
        click.echo(json.dumps(report, indent=2, default=str))
        return
    console = Console()
    table = Table(box=None, header_style="bold")
    for name, justify in (
        ("asset", "left"),
        ("materialized", "left"),
        ("rows", "right"),
        ("data age", "right"),
        ("checks", "left"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for asset in status.assets:
        table.add_row(
            asset.asset,
            _ago(asset.materialized_at, now),
            "" if asset.rows is None else f"{asset.rows:,}",
            _age(asset.data_age_hours, asset.fresh),
            _checks(asset.checks_passed, [failed.check for failed in asset.checks_failed]),
        )
    console.print(table)
    print_troubles(console, status)
    print_undecided(console, undecided)
    print_champions(console, models)
    print_news(console, models)


def print_troubles(console: Console, status: Any) -> None:
    """Everything that failed: what, why, and what to do about it."""

    def tell(name: str, text: str, colour: str = "red") -> None:
        console.print(f"[{colour}]{name}[/] {escape(text)}", highlight=False)

    for asset in status.assets:
        if asset.error:
            tell(asset.asset, f"failed: {asset.error}")
        elif asset.failed_before:
            text = f"kept its last state: {asset.failed_before} failed before it"
            tell(asset.asset, text, "yellow")
        for failed in asset.checks_failed:
            remedy = f"; {failed.remedy}" if failed.remedy else ""
            colour = "yellow" if failed.severity == "WARN" else "red"
            tell(asset.asset, f"check {failed.check}: {failed.cause or 'failed'}{remedy}", colour)
    told = {asset.error for asset in status.assets}
    for step in status.failed_steps:
        if step.error not in told:
            tell(step.step, f"of {step.job} failed: {step.error}")


def print_undecided(console: Console, undecided: list[Undecided]) -> None:
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
        stops = f"; {floods:,} loads stop everything behind it" if floods else ""
        console.print(
            f"[{'red' if floods else 'yellow'}]raw/{source}[/] undecided: {', '.join(told)}{stops}"
            f"; see lakehouse quarantine list {source}",
            highlight=False,
        )


def champion_rows(lake: Lake) -> list[dict[str, Any]]:
    """Every declared model with its champion: version, since when, metrics of the test period.

    Also the versions beside it, the request for a retrain that is open, and the last actions.
    """
    from lakehouse.monitoring.actions import last_actions
    from lakehouse.registry.promotion import find_champion
    from lakehouse.registry.requests import open_request
    from lakehouse.registry.versions import find_versions
    from lakehouse.specs import find_specs
    from lakehouse.training.spec import ModelSpec

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
                    "shadows": [one.version for one in versions if one.state == "shadow"],
                    "retrain_asked_for": vars(asked) if asked else None,
                    "last_actions": last_actions(cursor, spec.name),
                }
            )
    return rows


def print_news(console: Console, models: list[dict[str, Any]]) -> None:
    """Per model: who scores beside the champion, what was asked for, and what was done last."""
    for model in models:
        lines = [f"{version} scores beside the champion" for version in model["shadows"]]
        if asked := model["retrain_asked_for"]:
            lines.append(
                f"a retrain was asked for on {asked['asked_at']:%Y-%m-%d}: {asked['reason']}"
            )
        for action in model["last_actions"]:
            done = action["outcome"] if action["done"] else f"not done: {action['outcome']}"
            told = f"{action['action']} {action['version']}: {action['why']}; {done}"
            lines.append(f"{action['taken_at']:%Y-%m-%d %H:%M} {told}")
        for line in lines:
            console.print(f"{model['model']}: {escape(line)}", highlight=False)


def print_champions(console: Console, champions: list[dict[str, Any]]) -> None:
    """A line for each champion with its most telling metrics."""
    if not champions:
        return
    table = Table("champion", "version", "on the test period", box=None, header_style="bold")
    for champion in champions:
        metrics = champion["metrics"]
        shown = [f"{m} {metrics[m]:.3f}" for m in HEADLINES if metrics.get(m) is not None][:3]
        table.add_row(champion["model"], champion["version"] or "[yellow]none[/]", ", ".join(shown))
    console.print()
    console.print(table)


def _catalog_exists(settings: Settings) -> bool:
    from pathlib import Path

    return Path(settings.catalog.removeprefix("sqlite:")).exists()


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "[dim]never[/]"
    minutes = (now - moment).total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min ago"
    return f"{minutes / 60:.0f} h ago" if minutes < 48 * 60 else f"{minutes / 1440:.0f} d ago"


def _age(hours: float | None, fresh: bool | None) -> str:
    if hours is None:
        return ""
    text = f"{hours:.0f} h" if abs(hours) < 48 else f"{hours / 24:.0f} d"
    return f"[yellow]{text} (late)[/]" if fresh is False else text


def _checks(passed: int, failed: list[str]) -> str:
    if failed:
        return f"{passed} passed, [red]failed: {', '.join(failed)}[/]"
    return f"{passed} passed" if passed else ""
