"""`lakehouse new source`: the contract and the staging model of files that are there."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lakehouse.cli.new.writing import dry_run, in_domain, write_or_print
from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import Output

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "source",
    epilog=examples(
        "lakehouse new source orders --from ~/orders.csv --domain shop",
        "lakehouse new source trips --from trips/ --dry-run",
        "lakehouse new source rates --from https://example.org/rates.csv",
    ),
)
@click.argument("name")
@click.option(
    "--from",
    "place",
    required=True,
    metavar="PLACE",
    help="A file, a folder of files, or an address: CSV, JSON Lines or Parquet, .gz or .zst.",
)
@in_domain
@dry_run
@pass_settings
def command(settings: "Settings", name: str, place: str, domain: str | None, dry_run: bool) -> None:
    """Declare the source NAME from a sample of its rows.

    Proposes the columns with exact types, the key, the time, the seal in the names of files, and
    what is personal. Writes the declaration, the dbt source and the staging model, and copies the
    files into the landing zone.
    """
    from lakehouse.scaffolding.domains import choose_domain
    from lakehouse.scaffolding.proposal import refuse_existing
    from lakehouse.scaffolding.samples import read_sample
    from lakehouse.scaffolding.samples.places import find_files
    from lakehouse.scaffolding.source import land, propose_source
    from lakehouse.sources.landing import Landing

    project, output = settings.project, Output()
    now = datetime.now(UTC).replace(tzinfo=None)
    domain = choose_domain(project, domain)
    with find_files(place, settings) as files:
        with output.spinner(f"reading {len(files)} files"):
            sample = read_sample(files, settings.longest_row_bytes)
            proposed = propose_source(project, domain, name, sample, now)
        refuse_existing(proposed.files.files)
        landing = Landing(settings, name)
        landed = [] if dry_run else land(proposed, landing)
        write_or_print(project, proposed.files, dry=dry_run)
    if not dry_run:
        more = f" and {len(landed) - 3} more" if len(landed) > 3 else ""
        output.print_line(f"landed {', '.join(landed[:3]) or 'no file'}{more} in {landing.root}")
        output.print_line(f"next: lakehouse run --select raw/{name}")
