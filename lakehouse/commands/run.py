"""`lakehouse run`: the whole graph with a line for each asset, and a summary at the end."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from lakehouse.lake import Lake
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from lakehouse.orchestration.run import AssetDone


def run_command(
    settings: Settings,
    select: Sequence[str],
    refresh: Mapping[str, Any],
    console: Console | None = None,
) -> int:
    """Run, print progress and a summary; the exit status: 0 only if nothing failed."""
    console = console or Console(file=sys.stdout)  # bound now: the run sends stdout to a file
    started = time.monotonic()
    with console.status("loading the definitions"):
        from lakehouse.definitions import defs
        from lakehouse.orchestration.resources import Refresh
        from lakehouse.orchestration.run import (
            AssetDone,
            CheckDone,
            Event,
            StepFailed,
            Waiting,
            run_assets,
        )

        definitions = defs()

    def show(event: Event) -> None:
        if isinstance(event, AssetDone):
            console.print(asset_line(event), soft_wrap=True)
        elif isinstance(event, CheckDone) and not event.passed:
            mark = "[red]failed[/] " if event.severity == "ERROR" else "[yellow]warning[/]"
            console.print(f"{mark} {event.asset}: check {event.check}: {event.description}")
        elif isinstance(event, StepFailed):
            mark = "[red]failed[/] " if event.error else "[yellow]skipped[/]"
            console.print(f"{mark} {event.step}  {event.error or 'something before it failed'}")
        elif isinstance(event, Waiting):
            console.print(f"[yellow]waiting[/] for {event.other} to end; ctrl-c leaves")

    summary = run_assets(
        definitions, settings, select=select, refresh=Refresh(**refresh), on_event=show
    )
    console.print()
    _print_summary(console, settings, summary, time.monotonic() - started)
    return 1 if summary.failed else 0


def asset_line(asset: "AssetDone") -> str:
    """What a run did to an asset: the rows it wrote, of all that the table has."""
    mark = "[dim]same[/]" if asset.changed is False else "[green]done[/]"
    rows = "" if asset.rows is None else f"{asset.rows:,} rows"
    if asset.written and rows:
        rows = f"{asset.written:,} of {rows}"
    return f"{mark}    {asset.asset:<36} {rows:>25} {asset.seconds:>7.1f} s"


def news(assets: "Sequence[AssetDone]") -> str:
    """How many rows a run wrote, apart from those that were there, or that nothing was new."""
    rows = f"{sum(asset.rows or 0 for asset in assets):,} rows"
    if assets and not any(asset.changed for asset in assets):
        return f"nothing was new: {len(assets)} assets are as they were, {rows}"
    written = sum(asset.written or 0 for asset in assets)
    changed = sum(asset.changed is not False for asset in assets)
    return f"{changed} of {len(assets)} assets changed: {written:,} rows written, {rows} in all"


def _print_summary(console: Console, settings: Settings, summary: Any, seconds: float) -> None:
    from lakehouse.commands.status import champion_rows, print_champions

    passed = sum(check.passed for check in summary.checks)
    warned = sum(not check.passed and check.severity == "WARN" for check in summary.checks)
    failed = len(summary.checks) - passed - warned
    console.print(
        f"{news(summary.assets)}; "
        f"checks: {passed} passed, {warned} warned, {failed} failed; {seconds:.1f} s"
    )
    if summary.left:
        console.print(f"[red]left as they were:[/] {', '.join(summary.left)}")
    with Lake(settings, read_only=True) as lake:
        print_champions(console, champion_rows(lake))
    console.print()
    if summary.failed:
        console.print("[red]Not everything worked.[/] `lakehouse status` says what stands.")
    else:
        console.print(
            "Next: `make dev` opens the graph at http://127.0.0.1:3000; "
            "`lakehouse status`, `lakehouse sql`, `lakehouse simulate --days 1`."
        )
