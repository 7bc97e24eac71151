"""Who runs a command, for the record of decisions."""

import getpass
import os


def user() -> str:
    """The name that the operating system has for the user; `uid N` if it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the user database, as in many containers
        return f"uid {os.getuid()}"
