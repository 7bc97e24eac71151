"""`lakehouse run`: the whole graph with a line for each asset, and a summary at the end."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lakehouse.commands.opening import lake_exists, open_lake
from lakehouse.commands.output import Output, Toned
from lakehouse.settings import Settings


def run_command(
    settings: Settings,
    select: Sequence[str],
    refresh: Mapping[str, Any],
    output: Output | None = None,
) -> int:
    """Run, print progress and a summary; the exit status: 0 only if nothing failed."""
    output = output or Output(sys.stdout)  # bound now: the run sends stdout to a file
    started = time.monotonic()
    with output.waiting("loading the definitions"):
        from lakehouse.definitions import defs
        from lakehouse.orchestration.resources import Refresh
        from lakehouse.orchestration.run import AssetDone, CheckDone, Event, StepFailed, run_assets

        definitions = defs()

    def show(event: Event) -> None:
        if isinstance(event, AssetDone):
            rows = "" if event.rows is None else f"{event.rows:,} rows"
            text = f"    {event.asset:<44} {rows:>17} {event.seconds:>7.1f} s"
            output.say(Toned("done", "good"), text)
        elif isinstance(event, CheckDone) and not event.passed:
            mark = Toned(event.outcome, "bad" if event.outcome == "failed" else "warn")
            output.say(mark, f"  {event.asset}: check {event.check}: {event.description}")
        elif isinstance(event, StepFailed) and event.error:
            output.say(Toned("failed", "bad"), f"  {event.step}  {event.error}")
        elif isinstance(event, StepFailed):
            output.say(Toned("skipped", "warn"), f" {event.step}  something before it failed")

    summary = run_assets(
        definitions, settings, select=select, refresh=Refresh(**refresh), on_event=show
    )
    output.say()
    _print_summary(output, settings, summary, time.monotonic() - started)
    return 1 if summary.failed else 0


def _print_summary(output: Output, settings: Settings, summary: Any, seconds: float) -> None:
    from lakehouse.commands.status import champion_rows, print_champions

    checks = Counter(check.outcome for check in summary.checks)
    rows = sum(asset.rows or 0 for asset in summary.assets)
    steps = sum(problem.error is not None for problem in summary.problems)
    output.say(
        f"{len(summary.assets)} assets, {rows:,} rows; {steps} steps failed; "
        f"checks: {checks['passed']} passed, {checks['warned']} warned, {checks['failed']} failed; "
        f"{seconds:.1f} s"
    )
    if summary.left:
        output.say(Toned("left as they were:", "bad"), f" {', '.join(summary.left)}")
    if lake_exists(settings):
        with open_lake(settings) as lake:
            print_champions(output, champion_rows(lake))
    output.say()
    if summary.failed:
        output.say(Toned("Not everything worked.", "bad"), " `lakehouse status` says what stands.")
    else:
        output.say(
            "Next: `make dev` opens the graph at http://127.0.0.1:3000; "
            "`lakehouse status`, `lakehouse sql`, `lakehouse simulate --days 1`."
        )
