"""`lakehouse sources`: loaded files, and the removal of wrong ones."""

import click

from lakehouse.cli.groups import LazyGroup


@click.group("sources", cls=LazyGroup, package=__name__, names=("list", "unload"))
def command() -> None:
    """List what was loaded, and unload wrong files."""
