"""`lakehouse verify`: print what was compared, what is damaged, and what cannot be verified."""

import sys
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output, Toned, print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("verify", epilog=examples("lakehouse verify --full"))
@click.option("--full", is_flag=True, help="Read every byte, not only sizes and footers.")
@as_json
@pass_settings
def command(settings: "Settings", full: bool, as_json: bool) -> None:
    """Verify that the lake's files are as they were written.

    Includes the files of model versions. Ends with status 0 only if nothing is damaged. Lists what
    cannot be verified.
    """
    from dataclasses import asdict

    from lakehouse.cli.opening import open_lake
    from lakehouse.lake import verify_lake
    from lakehouse.registry.verify import verify_artefacts

    with open_lake(settings) as lake:
        done = verify_lake(lake, full=full)
        verify_artefacts(lake, done)
    if as_json:
        Output().json(asdict(done))
    else:
        for kind, number in done.looked_at.items():
            print_line(f"{number:,} {kind}: as they were written")
        for reason in done.untold:
            print_line(f"not verified: {reason}")
        for damage in done.damage:
            Output(sys.stderr).print_line(Toned(f"damaged: {damage.what} {damage.problem}", "bad"))
    sys.exit(1 if done.damage else 0)
