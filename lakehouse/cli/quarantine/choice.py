"""Which of a source's undecided things a command is about, and what they are called."""

import click

KINDS = {
    "rows": "rejected rows",
    "file": "refused file",
    "volume": "too few rows",
    "columns": "columns",
}
"""Kinds of undecided things, for people."""

of_file = click.option("--file", default="", metavar="FILE", help="Only those of this landed file.")
with_reason = click.option(
    "--reason", default="", metavar="TEXT", help="Only those with this reason, as `list` prints it."
)
