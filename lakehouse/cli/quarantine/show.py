"""`lakehouse quarantine show`: undecided rows with their original text."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output, print_line
from lakehouse.cli.quarantine.choice import file_option, reason_option

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("show", epilog=examples("lakehouse quarantine show chargebacks --limit 5"))
@click.argument("source")
@file_option
@reason_option
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=20,
    show_default=True,
    help="Maximum number of rows.",
)
@as_json
@pass_settings
def command(
    settings: "Settings", source: str, file: str, reason: str, limit: int, as_json: bool
) -> None:
    """Print the undecided rows of SOURCE.

    Prints the reason and the original text; tokens replace personal data.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.sources.declared import find_source
    from lakehouse.sources.undecided import read_rows

    spec = find_source(settings.project, source)
    with open_lake(settings) as lake, lake.reader() as cursor:
        rows = read_rows(cursor, spec, file=file, reason=reason, limit=limit)
    if as_json:
        Output().json([asdict(row) for row in rows])
        return
    if not rows:
        print_line("no undecided rows match; `lakehouse quarantine list` lists the undecided items")
        return
    Output().table(
        ("file", "row", "reason", "text"),
        [(row.file, str(row.row), row.reason, row.text or "") for row in rows],
    )
