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
    """List quarantined rows and files, and decide about them.

    The quarantine holds rejected rows, refused files, and files with too few rows or other columns.
    Each decision, to retry or to accept the loss, is recorded. Too many undecided rows in one load
    block everything downstream of their source.
    """
