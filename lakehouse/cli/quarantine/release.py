"""`lakehouse quarantine release`: retry rows and files, as a recorded decision."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings, why
from lakehouse.cli.output import print_line
from lakehouse.cli.quarantine.choice import file_option, reason_option
from lakehouse.cli.users import user

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "release",
    epilog=examples(
        "lakehouse quarantine release chargebacks --why 'the contract lacked a currency'"
    ),
)
@click.argument("source")
@file_option
@reason_option
@why
@pass_settings
def command(settings: "Settings", source: str, file: str, reason: str, why: str) -> None:
    """Retry the undecided items of SOURCE.

    They are checked against the current contract. Rows go to a new landing file of the source, and
    refused files are read again: the next load takes both.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.sources.decisions import Choice, release
    from lakehouse.sources.declared import find_source
    from lakehouse.sources.undecided import list_undecided

    spec = find_source(settings.project, source)
    with open_lake(settings, read_only=False) as lake:
        decisions = release(
            spec,
            lake,
            settings,
            Choice(file, reason),
            who=user(),
            why=why,
            now=datetime.now(UTC),
        )
        left = [one for one in list_undecided(lake, source) if not file or one.file == file]
    for one in decisions:
        line = f"{one.rows:,} rows of {one.file} were released into {one.released_into}"
        print_line(line if one.kind == "rows" else f"{one.file} will be read again")
    if left:
        print_line(
            f"{len(left):,} files still have undecided items; see `lakehouse quarantine list`"
        )
    print_line(f"Load them with `lakehouse run --select raw/{source}+`.")
