"""`lakehouse sources list`: what each source has loaded."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("list", epilog=examples("lakehouse sources list"))
@as_json
@pass_settings
def command(settings: "Settings", as_json: bool) -> None:
    """List every source with its files and rows.

    Also prints up to when it is complete (UTC), and how many rows were rejected.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.sources.declared import valid_sources
    from lakehouse.sources.manifest import count_files

    with open_lake(settings) as lake, lake.reader() as cursor:
        rows = [
            {"source": name, **asdict(count_files(cursor, name))}
            for name in valid_sources(settings.project)
        ]
    if as_json:
        Output().json(rows)
        return
    head = ("source", "complete up to", "loaded", "refused", "unloaded", "rows", "rejected")
    Output().table(head, [list(map(_cell, row.values())) for row in rows], right=range(2, 7))


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value or "")
