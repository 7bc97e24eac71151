"""`lakehouse quarantine discard`: accept a loss, as a recorded decision."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings, why
from lakehouse.cli.output import print_line
from lakehouse.cli.quarantine.choice import KINDS, file_option, reason_option
from lakehouse.cli.users import user

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "discard",
    epilog=examples(
        "lakehouse quarantine discard chargebacks --file 20260502T235959999999Z.csv --why duplicate"
    ),
)
@click.argument("source")
@file_option
@reason_option
@why
@pass_settings
def command(settings: "Settings", source: str, file: str, reason: str, why: str) -> None:
    """Accept the loss of the undecided items of SOURCE.

    Nothing is deleted from the record.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.sources.decisions import Choice, discard
    from lakehouse.sources.declared import find_source

    spec = find_source(settings.project, source)
    with open_lake(settings, read_only=False) as lake:
        decisions = discard(
            spec, lake, Choice(file, reason), who=user(), why=why, now=datetime.now(UTC)
        )
    for one in decisions:
        item = f"{one.rows:,} rows of {one.file}" if one.kind == "rows" else one.file
        print_line(f"{item}: {KINDS[one.kind]}, accepted")
    print_line(f"The next `lakehouse run --select raw/{source}+` updates the checks.")
