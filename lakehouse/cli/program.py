"""The `lakehouse` program: its commands, how it prints its own errors, and how it ends."""

import gc
import sys

import click

from lakehouse.cli.groups import LazyGroup
from lakehouse.errors import LakehouseError
from lakehouse.redacted_output import guard_process

COMMANDS = (
    *("init", "new", "run", "status", "check", "sql", "tables", "dbt", "dev", "simulate"),
    *("sources", "quarantine", "models"),
    *("maintain", "verify", "benchmark"),
)
"""Every command, each a module or a package of this one, in the order of the help."""

NOTES = """\b
Exit status:
  0  the command succeeded
  1  something failed; the output names the cause and the remedy
  2  the command line is wrong: an unknown command or option, a missing value

\b
Completion of commands and options, for your shell's startup file:
  bash  eval "$(_LAKEHOUSE_COMPLETE=bash_source lakehouse)"
  zsh   eval "$(_LAKEHOUSE_COMPLETE=zsh_source lakehouse)"
  fish  _LAKEHOUSE_COMPLETE=fish_source lakehouse | source"""


class _Program(LazyGroup):
    """Print our own errors as one sentence; any other is a bug and keeps its traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except LakehouseError as error:
            from lakehouse.cli.output import fail

            fail(str(error))
            sys.exit(1)


@click.group(
    cls=_Program,
    package="lakehouse.cli",
    names=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=NOTES,
)
@click.version_option(package_name="lakehouse")
def main() -> None:
    """A lakehouse for machine learning: sources, tables, features and models in one graph.

    Settings are environment variables that begin with LAKEHOUSE_; the README lists them.
    """
    guard_process()


def start() -> None:
    """Run `main` as the installed command."""
    try:
        main()
    finally:
        # else the interpreter searches all objects of Dagster and dbt for cycles, to free memory
        # that the end of the process frees anyway: a seventh of a command's time
        gc.freeze()
