"""The `lakehouse` command: a file per command with its options and its body, a folder per group.

`program.py` lists the commands. The domain packages do the work; this package contains options,
calls and output. A file imports at its top only what printing needs, and the rest inside its
functions, because `lakehouse --help` imports every file.
"""

from lakehouse.cli.program import main, start

__all__ = ["main", "start"]
