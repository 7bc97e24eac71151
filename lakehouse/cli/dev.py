"""`lakehouse dev`: Dagster's UI and daemon on this machine."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("dev", epilog=examples("lakehouse dev --port 3001"))
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    default=3000,
    show_default=True,
    help="Port on 127.0.0.1.",
)
@pass_settings
def command(settings: "Settings", port: int) -> None:
    """Start Dagster's UI and daemon on 127.0.0.1.

    Both run until ctrl-c or a signal stops them.
    """
    from lakehouse.orchestration.dev_server import serve

    serve(settings, port)
