"""Code that promote, rollback and archive share."""

from typing import TYPE_CHECKING

from lakehouse.cli.output import print_line, warn

if TYPE_CHECKING:
    from lakehouse.lake import Lake
    from lakehouse.registry import Version


def is_already(version: "Version", state: str) -> bool:
    """Whether the version is in that state already; if so, print that nothing was changed."""
    if version.state != state:
        return False
    print_line(
        f"{version.model} {version.version} is already {state}; nothing was changed or recorded"
    )
    return True


def mirror_move(lake: "Lake", model: str) -> None:
    """Copy a move to MLflow, if configured; a failure is a warning and never undoes the move."""
    from lakehouse.tracking import mirror

    problem = mirror(lake, model).problem
    if problem:
        warn(f"warning: {problem}")
