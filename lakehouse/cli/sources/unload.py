"""`lakehouse sources unload`: remove a wrong file from raw."""

import sys
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings, why
from lakehouse.cli.output import print_line
from lakehouse.cli.users import user

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "unload",
    epilog=examples(
        "lakehouse sources unload chargebacks 20260502T235959999999Z.csv --why 'not ours' --redo"
    ),
)
@click.argument("source")
@click.argument("file")
@why
@click.option(
    "--redo", is_flag=True, help="Rebuild the tables derived from it, from staging to features."
)
@pass_settings
def command(settings: "Settings", source: str, file: str, why: str, redo: bool) -> None:
    """Remove the rows of FILE of SOURCE from raw.

    The file stays in the landing zone. No lake loads it again, unless a file with the same name and
    other content lands. The user and the reason are recorded.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.cli.run import run_selection
    from lakehouse.sources import unload
    from lakehouse.sources.declared import find_source
    from lakehouse.sources.landing import Landing
    from lakehouse.sources.releasing import read_notes

    spec = find_source(settings.project, source)
    with open_lake(settings, read_only=False) as lake:
        done = unload(spec, lake, settings, file, who=user(), why=why)
    released = set(read_notes(Landing(settings, source)).get(file, {}).values())
    complete = f"complete up to {done.seal}" if done.seal else "not complete up to any time yet"
    print_line(
        f"{file} was unloaded from {spec.table}: {done.rows:,} rows and {done.rejected:,} rejected "
        f"ones; {source} is {complete}. The file stays in the landing zone"
    )
    if done.since and done.until:
        print_line(f"its rows are from {done.since:%Y-%m-%d} to {done.until:%Y-%m-%d}")
    for other in sorted(released):
        print_line(
            f"{other} has rows of it that were released, and is still loaded: unload it as well"
        )
    for other in done.repeats:
        print_line(
            f"{other} has the same bytes and was skipped; it stays so. To load these bytes again, "
            "land them under a new name"
        )
    if not redo:
        print_line(
            "The tables derived from them still have these rows. Rebuild them with: "
            f"lakehouse run --full-refresh --select '{redo_selection(source)}'"
        )
        return
    sys.exit(run_selection(settings, [redo_selection(source)], {"full_refresh": True}))


def redo_selection(name: str) -> str:
    """All tables downstream of a source, in Dagster's selection syntax."""
    from lakehouse.lake.layout import DERIVED

    tables = " or ".join(f'key:"{layer}/*"' for layer in DERIVED)
    return f'key:"raw/{name}"+ and ({tables})'
