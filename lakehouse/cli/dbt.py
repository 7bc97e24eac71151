"""`lakehouse dbt`: dbt on this project, typed by hand."""

import os
import sys
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "dbt",
    epilog=examples(
        "lakehouse dbt parse",
        "lakehouse dbt build --select fct_orders+",
        "lakehouse dbt show --select stg_orders --limit 5",
    ),
    context_settings={"allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, required=True, metavar="COMMAND [OPTIONS]...")
@pass_settings
def command(settings: "Settings", arguments: tuple[str, ...]) -> None:
    """Run a dbt command on the project's models.

    dbt finds the project, the lake and the engine's macros, and takes the write lock, as in a run
    of the graph; its files go to the data folder. `lakehouse dbt build --help` explains dbt's own
    options. Ends with dbt's exit status.
    """
    from lakehouse.orchestration.dbt.by_hand import run_by_hand

    sys.exit(run_by_hand(settings, arguments, os.environ))
