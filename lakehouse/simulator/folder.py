"""Where the embedded world is."""

from pathlib import Path

from lakehouse.settings import Settings


def world_folder(settings: Settings) -> Path:
    """The folder of the embedded world, in the data folder."""
    return settings.data_dir / "world"
