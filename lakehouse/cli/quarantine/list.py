"""`lakehouse quarantine list`: the undecided items, or past decisions."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output, Toned, print_line
from lakehouse.cli.quarantine.choice import KINDS

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from lakehouse.sources.decisions import Decision


@click.command(
    "list",
    epilog=examples(
        "lakehouse quarantine list", "lakehouse quarantine list chargebacks --decided --json"
    ),
)
@click.argument("source", default="")
@click.option("--decided", is_flag=True, help="List the past decisions instead.")
@as_json
@pass_settings
def command(settings: "Settings", source: str, decided: bool, as_json: bool) -> None:
    """List the undecided items of SOURCE, or of all sources.

    Prints a line for each file and reason.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.sources.decisions import list_decisions
    from lakehouse.sources.undecided import as_row, list_undecided

    with open_lake(settings) as lake:
        if decided:
            _print_decisions(list_decisions(lake, source), as_json=as_json)
            return
        found = list_undecided(lake, source)
    if as_json:
        Output().json([as_row(one) for one in found])
        return
    if not found:
        print_line("nothing is undecided")
        return
    rows = [
        (
            one.source,
            one.file,
            Toned("flood", "bad") if one.is_flood else KINDS[one.kind],
            "" if one.kind == "file" else f"{count:,}",
            "" if one.kind == "file" else f"{one.of:,}",
            reason,
        )
        for one in found
        for reason, count in one.reasons.items()
    ]
    Output().table(("source", "file", "what", "rows", "of", "reason"), rows, right=(3, 4))
    print_line("Decide with `lakehouse quarantine release SOURCE` or `... discard SOURCE`.")


def _print_decisions(decisions: "Sequence[Decision]", *, as_json: bool) -> None:
    if as_json:
        Output().json([asdict(one) for one in decisions])
        return
    if not decisions:
        print_line("nothing has been decided yet")
        return
    head = ("when", "who", "decision", "source", "file", "what", "rows", "why")
    rows = [
        (
            f"{one.decided_at:%Y-%m-%d %H:%M}",
            one.who,
            one.decision,
            one.source,
            one.file,
            KINDS[one.kind] + (f" ({one.reason})" if one.reason else ""),
            f"{one.rows:,}",
            one.why,
        )
        for one in decisions
    ]
    Output().table(head, rows, right=(6,))
