"""Open the lake for a command: a missing lake is an error, and is not created."""

from pathlib import Path

from lakehouse.lake import Lake, LakeError
from lakehouse.settings import Settings


def lake_exists(settings: Settings) -> bool:
    """Whether the lake exists; for a catalog on a server this requires a query."""
    catalog = Path(settings.catalog.removeprefix("sqlite:"))
    return not settings.embedded or (catalog.exists() and catalog.stat().st_size > 0)


def require_lake(settings: Settings) -> None:
    """Raise `LakeError` if the lake does not exist."""
    if not lake_exists(settings):
        place = settings.catalog.removeprefix("sqlite:")
        raise LakeError(f"there is no lake at {place} yet; create one with `lakehouse run`")


def open_lake(settings: Settings, *, read_only: bool = True) -> Lake:
    """Open the lake. Raises `LakeError` if there is none."""
    require_lake(settings)
    return Lake(settings, read_only=read_only)
