"""Folders and files that only their owner may read, because they may hold personal data."""

import os
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600
OTHERS_MASK = 0o077


def make_private(folder: Path) -> Path:
    """Create a folder for its owner alone. An existing one of ours is restricted to its owner."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    status = folder.stat()
    if status.st_mode & OTHERS_MASK and status.st_uid == os.geteuid():
        folder.chmod(FOLDER_MODE)
    return folder
