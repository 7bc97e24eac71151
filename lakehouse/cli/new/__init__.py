"""`lakehouse new`: the files of a new domain, source, table, feature set or model."""

import click

from lakehouse.cli.groups import LazyGroup


@click.group(
    "new",
    cls=LazyGroup,
    package=__name__,
    names=("domain", "source", "table", "feature-set", "model"),
)
def command() -> None:
    """Write the files of a new domain, source, table or model.

    Nothing is asked and nothing is overwritten: what was assumed is printed, each assumption with
    its evidence, and the files are yours to change. With --dry-run they are only printed.
    """
