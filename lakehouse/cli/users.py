"""The user who runs a command, recorded with decisions."""

import getpass
import os


def user() -> str:
    """The operating system's name of the user; `uid N` if it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database, as in many containers
        return f"uid {os.getuid()}"
