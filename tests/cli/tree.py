"""Every command and group of `lakehouse`, from click."""

from collections.abc import Iterator

import click

from lakehouse.cli import main


def walk(
    command: click.Command = main, name: str = "lakehouse", parent: click.Context | None = None
) -> Iterator[click.Context]:
    """A context for the command and all subcommands, in the order of the help; parses nothing."""
    settings = {**command.context_settings, "terminal_width": 100}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from walk(found, below, context)
