"""`lakehouse check`: whether every file of the project can be loaded."""

import sys
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import Output, fail

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("check", epilog=examples("lakehouse check"))
@pass_settings
def command(settings: "Settings") -> None:
    """Check that the whole project can be loaded.

    Reads every declaration and the dbt project, without running anything. Prints a line for each
    mistake, with file, line, field and remedy, and then ends with status 1. A file with a mistake
    is left out of the graph, and so is what reads its tables; the rest of the graph runs.
    """
    from lakehouse.orchestration.build import load

    output = Output()
    with output.spinner("loading the definitions"):
        loaded = load(settings)
    for problem in loaded.problems:
        for line in problem.message.splitlines():
            fail(line)
    if loaded.problems:
        sys.exit(1)
    graph = loaded.definitions.resolve_asset_graph()
    output.print_line(
        f"{len(graph.materializable_asset_keys)} assets can be loaded; nothing is left out"
    )
