"""`lakehouse quarantine`: quarantined rows and files, and the decisions about them."""

import click

from lakehouse.cli.groups import LazyGroup


@click.group(
    "quarantine",
    cls=LazyGroup,
    package=__name__,
    names=("list", "show", "release", "discard"),
)
def command() -> None:
    """See what was set aside, and decide about it.

    Set aside are rejected rows, refused files, and files with too few rows or other columns. Each
    decision, to try again or to accept the loss, is recorded. Too many undecided rows
    of one load stop everything behind their source.
    """
