"""`lakehouse status`: what stands, for people and as JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from lakehouse.lake import Lake
from lakehouse.lake.lake import LakeError
from lakehouse.settings import Settings

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
    try:
        with Lake(settings, read_only=True) as lake:
            lake.snapshot()
            assets = read_status(defs(), settings, lake, now)
            champions = champion_rows(lake)
    except LakeError:
        if settings.embedded and not _catalog_exists(settings):
            assets, champions = read_status(defs(), settings, None, now), []
        else:
            raise
    if as_json:
        report = {"assets": [a.model_dump(mode="json") for a in assets], "models": champions}
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
    for asset in assets:
        table.add_row(
            asset.asset,
            _ago(asset.materialized_at, now),
            "" if asset.rows is None else f"{asset.rows:,}",
            _age(asset.data_age_hours, asset.fresh),
            _checks(asset.checks_passed, asset.checks_failed),
        )
    console.print(table)
    for asset in assets:
        if asset.error:
            console.print(f"[red]{asset.asset}[/] failed: {asset.error}", highlight=False)
    print_champions(console, champions)


def champion_rows(lake: Lake) -> list[dict[str, Any]]:
    """Every declared model with its champion: version, since when, metrics of the test period."""
    from lakehouse.registry.promotion import find_champion
    from lakehouse.specs import find_specs
    from lakehouse.training.spec import ModelSpec

    rows: list[dict[str, Any]] = []
    with lake.reader() as cursor:
        for spec in find_specs("PredictiveModel", ModelSpec):
            champion = find_champion(cursor, spec.name)
            rows.append(
                {
                    "model": spec.name,
                    "version": champion.version if champion else None,
                    "created_at": champion.created_at if champion else None,
                    "metrics": dict(champion.metrics.get("test", {})) if champion else {},
                }
            )
    return rows


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
