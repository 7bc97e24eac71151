"""`lakehouse tables`: every table and view of the lake."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import Output, print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("tables", epilog=examples("lakehouse tables"))
@pass_settings
def command(settings: "Settings") -> None:
    """List the tables and views of the lake.

    Prints the number of columns of each, and the number of rows of tables.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.lake import list_tables

    with open_lake(settings) as lake:
        found = list_tables(lake)
    if not found:
        print_line("the lake has no tables yet; `lakehouse run` creates them")
        return
    Output().table(
        ("table", "rows", "columns", "kind"),
        [
            (
                one.name,
                "" if one.rows is None else f"{one.rows:,}",
                str(one.columns),
                "view" if one.rows is None else "table",
            )
            for one in found
        ],
        right=(1, 2),
    )
