"""Select a source's undecided items, and describe them."""

import click

KINDS = {
    "rows": "rejected rows",
    "file": "refused file",
    "volume": "too few rows",
    "columns": "columns",
}
"""The display names of the kinds of undecided items."""

file_option = click.option(
    "--file", default="", metavar="FILE", help="Only items of this landed file."
)
reason_option = click.option(
    "--reason", default="", metavar="TEXT", help="Only items with this reason, as `list` prints it."
)
