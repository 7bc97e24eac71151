"""The lake as commands open it: one that is not there is an error, and is not made."""

from pathlib import Path

from lakehouse.lake import Lake, LakeError
from lakehouse.settings import Settings


def lake_exists(settings: Settings) -> bool:
    """Whether somebody has made the lake; of a server's catalog only asking it tells."""
    catalog = Path(settings.catalog.removeprefix("sqlite:"))
    return not settings.embedded or (catalog.exists() and catalog.stat().st_size > 0)


def require_lake(settings: Settings) -> None:
    """Raise `LakeError` if nobody has made the lake."""
    if not lake_exists(settings):
        place = settings.catalog.removeprefix("sqlite:")
        raise LakeError(f"there is no lake at {place} yet; make one with `lakehouse run`")


def open_lake(settings: Settings, *, read_only: bool = True) -> Lake:
    """The lake. Raises `LakeError` if there is none."""
    require_lake(settings)
    return Lake(settings, read_only=read_only)
