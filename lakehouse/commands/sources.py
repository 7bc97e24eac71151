"""`lakehouse sources`: what each source has loaded, and a wrong file taken out again."""

from typing import Any

from lakehouse.commands.models import user
from lakehouse.commands.opening import open_lake
from lakehouse.commands.output import Output, say
from lakehouse.commands.quarantine import find_source
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec, unload
from lakehouse.sources.landing import Landing
from lakehouse.sources.manifest import count_files
from lakehouse.sources.releasing import read_notes
from lakehouse.specs import find_specs

REDONE = ("staging", "core", "reporting", "features")
"""The groups that are built again after a file was taken out; predictions stay as they were."""


def list_command(settings: Settings, *, as_json: bool) -> None:
    """Print each source: up to when it is complete, its files, its rows."""
    names = [spec.name for spec in find_specs("Source", SourceSpec)]
    with open_lake(settings) as lake, lake.reader() as cursor:
        rows = [{"source": name, **count_files(cursor, name)} for name in names]
    if as_json:
        Output().json(rows)
        return
    head = ("source", "complete up to", "loaded", "refused", "unloaded", "rows", "rejected")
    Output().table(head, [list(map(_cell, row.values())) for row in rows], right=range(2, 7))


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value or "")


def unload_command(settings: Settings, name: str, file: str, *, why: str, redo: bool) -> int:
    """Take a file out, say what that touches, and do it again if asked to; the exit status."""
    spec = find_source(name)
    with open_lake(settings, read_only=False) as lake:
        done = unload(spec, lake, settings, file, who=user(), why=why)
    released = set(read_notes(Landing(settings, name)).get(file, {}).values())
    say(
        f"{file} is out of {spec.table}: {done.rows:,} rows and {done.rejected:,} rejected ones; "
        f"{name} is complete up to {done.seal or 'no time yet'}. The file stays where it landed"
    )
    if done.since and done.until:
        say(f"its rows are of {done.since:%Y-%m-%d} to {done.until:%Y-%m-%d}")
    for other in sorted(released):
        say(f"{other} has rows of it that were released, and stays loaded: unload it as well")
    if not redo:
        say(
            "What was made of them is still there. Build it again: "
            f"lakehouse run --full-refresh --select '{redo_selection(name)}'"
        )
        return 0
    from lakehouse.commands.run import run_command

    return run_command(settings, [redo_selection(name)], {"full_refresh": True})


def redo_selection(name: str) -> str:
    """All tables that follow a source, as Dagster selects assets."""
    groups = " or ".join(f'group:"{group}"' for group in REDONE)
    return f'key:"raw/{name}"+ and ({groups})'
