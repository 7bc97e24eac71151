"""`lakehouse run`: the whole graph with a line for each asset, and a summary at the end."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lakehouse.cli.options import DAY, examples, pass_settings
from lakehouse.cli.output import Output, Toned

if TYPE_CHECKING:
    from datetime import date

    from lakehouse.orchestration.runs.in_process import AssetDone
    from lakehouse.settings import Settings


@click.command(
    "run",
    epilog=examples(
        "lakehouse run",
        "lakehouse run --select features/terminal_risk+",
        "lakehouse run --since 2026-05-01 --until 2026-05-03",
    ),
)
@click.option(
    "--select",
    multiple=True,
    metavar="ASSETS",
    help="Only these assets, such as raw/customers, features/terminal_risk+ (and everything "
    "downstream) or core/*. May be repeated.",
)
@click.option(
    "--full-refresh",
    is_flag=True,
    help="Rebuild the tables from scratch; raw tables only if selected, or if their contract "
    "changed.",
)
@click.option("--since", type=DAY, metavar="DATE", help="Reprocess from this day on (UTC).")
@click.option("--until", type=DAY, metavar="DATE", help="Reprocess up to and including this day.")
@click.option(
    "--force", is_flag=True, help="Run steps even without new input; train a new version."
)
@click.option("--world", is_flag=True, help="First create the embedded world if there is none.")
@pass_settings
def command(
    settings: "Settings",
    select: tuple[str, ...],
    full_refresh: bool,
    since: "date | None",
    until: "date | None",
    force: bool,
    world: bool,
) -> None:
    """Bring assets up to date: all of them, or those selected.

    Prints a line for each finished asset and for each failure and warning, and a summary. Ends with
    status 0 only if no step and no check of severity ERROR failed.
    """
    if world:
        from lakehouse.cli.simulate import ensure_world

        ensure_world(settings)
    refresh = {
        "full_refresh": full_refresh,
        "since": f"{since:%Y-%m-%d}" if since else None,
        "until": f"{until:%Y-%m-%d}" if until else None,
        "force": force,
    }
    sys.exit(run_selection(settings, select, refresh))


def run_selection(settings: "Settings", select: Sequence[str], refresh: Mapping[str, Any]) -> int:
    """Run and print progress and a summary; return the exit status: 0 only if nothing failed."""
    output = Output(sys.stdout)  # bound before the run redirects stdout to a file
    started = time.monotonic()
    with output.spinner("loading the definitions"):
        from lakehouse.definitions import defs
        from lakehouse.orchestration.resources import Refresh
        from lakehouse.orchestration.runs.in_process import (
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
            output.print_line(*asset_line(event))
            if event.why_no_rows:
                output.print_line(f"           {event.why_no_rows}")
        elif isinstance(event, CheckDone) and not event.passed:
            mark = Toned(event.outcome, "bad" if event.outcome == "failed" else "warn")
            output.print_line(mark, f"  {event.asset}: check {event.check}: {event.description}")
        elif isinstance(event, StepFailed) and event.error:
            output.print_line(Toned("failed", "bad"), f"  {event.step}  {event.error}")
        elif isinstance(event, StepFailed):
            output.print_line(Toned("skipped", "warn"), f" {event.step}  an upstream step failed")
        elif isinstance(event, Waiting):
            output.print_line(
                Toned("waiting", "warn"), f" for {event.other} to end; ctrl-c cancels"
            )

    summary = run_assets(
        definitions, settings, select=select, refresh=Refresh(**refresh), on_event=show
    )
    output.print_line()
    _print_summary(output, settings, summary, time.monotonic() - started)
    return 1 if summary.failed else 0


def asset_line(asset: "AssetDone") -> tuple[Toned, str]:
    """The change that a run made to an asset: the rows it wrote, and the table's total."""
    mark = Toned("same", "soft") if asset.changed is False else Toned("done", "good")
    rows = "" if asset.rows is None else f"{asset.rows:,} rows"
    if asset.written and rows:
        rows = f"{asset.written:,} of {rows}"
    return mark, f"    {asset.asset:<36} {rows:>25} {asset.seconds:>7.1f} s"


def summarize_changes(assets: "Sequence[AssetDone]") -> str:
    """How many assets changed, and how many rows arrived from the sources.

    Counts rows in raw alone, where each one arrives once: a sum over all assets would count the
    same row in every table that it reaches.
    """
    if assets and not any(asset.changed for asset in assets):
        return f"nothing was new: {len(assets)} assets are unchanged"
    changed = sum(asset.changed is not False for asset in assets)
    raw = [asset for asset in assets if asset.asset.startswith("raw/")]
    loaded = (
        f": {sum(asset.written or 0 for asset in raw):,} rows arrived from sources" if raw else ""
    )
    return f"{changed} of {len(assets)} assets changed{loaded}"


def _print_summary(output: Output, settings: "Settings", summary: Any, seconds: float) -> None:
    from lakehouse.cli.champions import print_champions
    from lakehouse.cli.opening import lake_exists, open_lake
    from lakehouse.monitoring.champions import tested_champions

    checks = Counter(check.outcome for check in summary.checks)
    steps = sum(problem.error is not None for problem in summary.problems)
    output.print_line(
        f"{summarize_changes(summary.assets)}; {steps} steps failed; "
        f"checks: {checks['passed']} passed, {checks['warned']} warned, {checks['failed']} failed; "
        f"{seconds:.1f} s"
    )
    if summary.not_updated:
        output.print_line(Toned("not updated:", "bad"), f" {', '.join(summary.not_updated)}")
    if lake_exists(settings):
        with open_lake(settings) as lake:
            print_champions(output, tested_champions(lake))
    output.print_line()
    if summary.failed:
        output.print_line(
            Toned("Something failed.", "bad"), " `lakehouse status` shows the state of every asset."
        )
    else:
        from lakehouse.simulator.folder import world_folder

        simulate = ", `lakehouse simulate --days 1`" if world_folder(settings).exists() else ""
        output.print_line(
            "Next: `lakehouse dev` opens the graph at http://127.0.0.1:3000; "
            f"`lakehouse status`, `lakehouse sql`{simulate}."
        )
