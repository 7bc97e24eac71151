"""`lakehouse new domain`: the folders of a domain."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.new.writing import dry_run, write_or_print
from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("domain", epilog=examples("lakehouse new domain shop"))
@click.argument("name")
@dry_run
@pass_settings
def command(settings: "Settings", name: str, dry_run: bool) -> None:
    """Make the folders of the domain NAME.

    They are below `defs/` and below the dbt project's `models/`; no other file changes.
    """
    from lakehouse.scaffolding.domains import propose_domain

    write_or_print(settings.project, propose_domain(settings.project, name), dry=dry_run)
    if not dry_run:
        print_line(f"next: lakehouse new source NAME --from FILE --domain {name}")
