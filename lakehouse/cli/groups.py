"""A group of commands in separate files, each imported on demand."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """The commands `names`, in this order: each is `command` in its module of `package`.

    The module has the name of the command, with an underscore for each dash.
    An unknown command ends with status 2 and a list of the known ones.
    """

    def __init__(self, *args: Any, package: str, names: Sequence[str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.package = package
        self.names = tuple(names)

    def list_commands(self, context: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(self.names)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import and return the command of that name; None if there is none."""
        if name not in self.names:
            return None
        command: click.Command = import_module(f"{self.package}.{name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does, but report unknown names here, because click suggests no names."""
        name = arguments[0]
        if not (name in self.names or name.startswith("-") or context.resilient_parsing):
            context.fail(f"No such command {name!r}; the commands are {', '.join(self.names)}.")
        return super().resolve_command(context, arguments)
