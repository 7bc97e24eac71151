"""The `lakehouse` command: a file per command with its options and its body, a folder per group.

`program.py` lists the commands. What they do to a lake is the domain packages' work; here are
options, the calls, and what is printed. A file imports at its top only what printing needs, and the
rest inside its functions: `lakehouse --help` reads every file.
"""

from lakehouse.cli.program import main, start

__all__ = ["main", "start"]
