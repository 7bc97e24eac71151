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

    Also prints up to when it is complete (UTC), how many rows were rejected, how many files were
    skipped because they repeat others, and why there are no rows.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.sources.declared import valid_sources
    from lakehouse.sources.loading import pending_files
    from lakehouse.sources.manifest import count_files
    from lakehouse.sources.reasons import note_on

    rows = []
    with open_lake(settings) as lake:
        for name, spec in valid_sources(settings.project).items():
            with lake.reader() as cursor:
                counts = count_files(cursor, name)
            note = note_on(counts, len(pending_files(spec, lake, settings)))
            static = {"always_complete": spec.is_static and counts.seal is not None}
            rows.append({"source": name, **asdict(counts), **static, "note": note})
    if as_json:
        Output().json(rows)
        return
    head = ("source", "complete up to", "loaded", "refused", "unloaded", "rows", "rejected")
    for row in rows:
        row["seal"] = "always" if row.pop("always_complete") else row["seal"]
    cells = [list(map(_cell, row.values())) for row in rows]
    Output().table((*head, "skipped", "note"), cells, right=range(2, 8))


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value or "")
