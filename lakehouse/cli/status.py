"""`lakehouse status`: the state of every asset and model, for people and as JSON."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from lakehouse.cli.champions import print_champions, print_model_lines
from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output, Printable, Tone, Toned

if TYPE_CHECKING:
    from lakehouse.orchestration.runs.status import AssetStatus, FailedCheck, Status
    from lakehouse.settings import Settings
    from lakehouse.sources.undecided import Undecided


@click.command("status", epilog=examples("lakehouse status", "lakehouse status --json"))
@as_json
@pass_settings
def command(settings: "Settings", as_json: bool) -> None:
    """Print the state of every asset and model.

    For each asset: the last materialization, the rows, the age of the data and the checks. For each
    model: the champion and the last actions. Then the failures with their causes, and the undecided
    items in quarantine.
    """
    from lakehouse.cli.opening import lake_exists, open_lake
    from lakehouse.definitions import defs
    from lakehouse.monitoring.champions import champion_rows
    from lakehouse.orchestration.runs.status import read_status
    from lakehouse.sources.undecided import as_row, list_undecided

    now = datetime.now(UTC)
    models: list[dict[str, Any]] = []
    undecided: list[Undecided] = []
    exists = lake_exists(settings)
    if exists:
        with open_lake(settings) as lake:
            lake.snapshot()
            status = read_status(defs(), settings, lake, now)
            undecided = list_undecided(lake)
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
    print_failures(output, status)
    print_undecided(output, undecided)
    print_champions(output, models)
    print_model_lines(output, models)
    if not exists:
        output.print_line()
        output.print_line("There is no lake yet; `lakehouse run` creates it.")


def print_failures(output: Output, status: "Status") -> None:
    """Print everything that failed or warned: what, why, and the remedy."""

    def line(name: str, text: str, tone: Tone = "bad") -> None:
        output.print_line(Toned(name, tone), f" {text}")

    for asset in status.assets:
        if asset.error:
            line(asset.asset, f"failed: {asset.error}")
        elif asset.failed_before:
            text = f"was not updated: {asset.failed_before} failed upstream of it"
            line(asset.asset, text, "warn")
        for check in asset.checks_failed:
            line(asset.asset, _outcome(check, "failed"))
        for check in asset.checks_warned:
            line(asset.asset, _outcome(check, "warned"), "warn")
    printed = {asset.error for asset in status.assets}
    for step in status.failed_steps:
        if step.error not in printed:
            line(step.step, f"of {step.job} failed: {step.error}")


def print_undecided(output: Output, undecided: "Sequence[Undecided]") -> None:
    """Print a line for each source with undecided items, whatever its last checks were."""
    for source, found in groupby(undecided, key=lambda one: one.source):
        files = list(found)
        floods = sum(one.is_flood for one in files)
        kinds = Counter(one.kind for one in files)
        amounts = {
            "rejected rows": sum(one.rows for one in files if one.kind == "rows"),
            "refused files": kinds["file"],
            "files with too few rows": kinds["volume"],
            "files with other columns": kinds["columns"],
        }
        parts = [f"{amount:,} {name}" for name, amount in amounts.items() if amount]
        stops = f"; {floods:,} loads block everything downstream" if floods else ""
        output.print_line(
            Toned(f"raw/{source}", "bad" if floods else "warn"),
            f" undecided: {', '.join(parts)}{stops}; see lakehouse quarantine list {source}",
        )


def _outcome(check: "FailedCheck", outcome: str) -> str:
    cause = f": {check.cause}" if check.cause else ""
    remedy = f"; {check.remedy}" if check.remedy else ""
    return f"check {check.check} {outcome}{cause}{remedy}"


def _ago(moment: datetime | None, now: datetime) -> Printable:
    if moment is None:
        return Toned("never", "soft")
    if moment > now:
        return Toned(f"{_span(moment - now)} ahead", "warn")
    return f"{_span(now - moment)} ago"


def _age(hours: float | None, fresh: bool | None) -> Printable:
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


def _checks(asset: "AssetStatus") -> Printable:
    """Format checks, such as `5 passed, failed: volume, warned: quarantine`."""
    parts = [f"{asset.checks_passed} passed"] if asset.checks_passed else []
    for word, checks in (("failed", asset.checks_failed), ("warned", asset.checks_warned)):
        if checks:
            parts.append(f"{word}: {', '.join(one.check for one in checks)}")
    text = ", ".join(parts)
    if asset.checks_failed:
        return Toned(text, "bad")
    return Toned(text, "warn") if asset.checks_warned else text
