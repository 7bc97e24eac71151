"""`lakehouse models`: model versions, and the moves that people decide."""

import click

from lakehouse.cli.groups import LazyGroup


@click.group(
    "models",
    cls=LazyGroup,
    package=__name__,
    names=(
        *("list", "show", "compare", "report", "reproduce"),
        *("promote", "rollback", "archive"),
    ),
)
def command() -> None:
    """Show, compare, promote and roll back model versions.

    VERSION may be abbreviated to a unique prefix, such as v0003.
    """
