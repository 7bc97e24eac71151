"""Options that several commands share: settings, a day, a reason, JSON; and help examples."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from lakehouse.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

DAY = click.DateTime(formats=["%Y-%m-%d"])
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
why = click.option(
    "--why",
    prompt="Why",
    metavar="TEXT",
    help="The reason to record; you are prompted for it if missing.",
)


def pass_settings(body: "Callable[Concatenate[Settings, P], R]") -> Callable[P, R]:
    """Call `body` with the settings of the environment as its first argument.

    The settings are read when the command runs, so that its help needs no valid settings.
    """

    @wraps(body)
    def with_settings(*args: P.args, **options: P.kwargs) -> R:
        from lakehouse.settings import load_settings

        return body(load_settings(), *args, **options)

    return with_settings


def examples(*lines: str) -> str:
    """The end of a command's help: command lines to copy."""
    return "\n".join(
        ("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines))
    )
