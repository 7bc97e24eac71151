"""The `lakehouse` command: its words and options. What each does is in `lakehouse.commands`."""

import atexit
import os
import sys
import threading
from datetime import date
from pathlib import Path

import click

from lakehouse.errors import LakehouseError
from lakehouse.redacted_output import guard_process
from lakehouse.settings import Settings, load_settings

DAY = click.DateTime(formats=["%Y-%m-%d"])
as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")
why = click.option("--why", prompt="Why", help="The reason, as it will be recorded.")


class _Group(click.Group):
    """Prints our own errors as one sentence; any other is a bug and keeps its traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except LakehouseError as error:
            from lakehouse.commands.output import fail

            fail(str(error))
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lakehouse")
@click.pass_context
def main(context: click.Context) -> None:
    """A lakehouse for machine learning: sources, tables, features and models in one graph.

    Settings are environment variables that start with LAKEHOUSE_; the README lists them.
    """
    guard_process()
    context.obj = load_settings()


@main.command()
@click.option(
    "--select",
    multiple=True,
    metavar="ASSETS",
    help="Only these, such as raw/customers, features/terminal_risk+ or 'group:core'. Repeatable.",
)
@click.option(
    "--full-refresh",
    is_flag=True,
    help="Build the tables again from the start; raw ones only if selected, or their contract "
    "changed.",
)
@click.option("--since", type=DAY, metavar="DATE", help="Redo from this day on.")
@click.option("--until", type=DAY, metavar="DATE", help="Redo up to and with this day.")
@click.option("--force", is_flag=True, help="Work even where nothing has changed; train anew.")
@click.option("--world", is_flag=True, help="First make the embedded world if there is none.")
@click.pass_obj
def run(
    settings: Settings,
    select: tuple[str, ...],
    full_refresh: bool,
    since: date | None,
    until: date | None,
    force: bool,
    world: bool,
) -> None:
    """Bring assets up to date, all of them unless selected, and say what was done.

    Ends with status 0 only if nothing failed.
    """
    from lakehouse.commands.run import run_command
    from lakehouse.commands.simulate import ensure_world

    if world:
        ensure_world(settings)
    refresh = {
        "full_refresh": full_refresh,
        "since": f"{since:%Y-%m-%d}" if since else None,
        "until": f"{until:%Y-%m-%d}" if until else None,
        "force": force,
    }
    sys.exit(run_command(settings, select, refresh))


@main.command()
@click.option(
    "--days",
    type=click.IntRange(1),
    help="How far the world moves on, or how long a new one is (180).",
)
@click.option("--customers", type=click.IntRange(1), help="For a new world (5,000).")
@click.option("--terminals", type=click.IntRange(1), help="For a new world (10,000).")
@click.option("--seed", type=int, help="For a new world (7).")
@click.option("--end", type=DAY, help="For a new world: the day after its last (today).")
@click.pass_obj
def simulate(
    settings: Settings,
    days: int | None,
    customers: int | None,
    terminals: int | None,
    seed: int | None,
    end: date | None,
) -> None:
    """Make the embedded world, or move it on: files land, the bank's database changes."""
    from lakehouse.commands.simulate import simulate_command

    simulate_command(
        settings, days=days, customers=customers, terminals=terminals, seed=seed, end=end
    )


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Every asset: last materialization, rows, age of its data, checks; every model's champion."""
    from lakehouse.commands.status import status_command

    status_command(settings, as_json=as_json)


@main.command()
@click.argument("query", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="All rows as CSV instead of a table.")
@click.pass_obj
def sql(settings: Settings, query: str | None, as_csv: bool) -> None:
    """Run QUERY on the lake, or open a prompt. Read-only, and safe while a run is writing.

    One SELECT or EXPLAIN at a time; DESCRIBE, SUMMARIZE and SHOW ALL TABLES as well.
    """
    from lakehouse.commands.query import prompt, sql_command

    if query is not None:
        sql_command(settings, query, as_csv=as_csv)
    elif not prompt(settings, as_csv=as_csv) and not sys.stdin.isatty():
        sys.exit(1)


@main.command()
@click.pass_obj
def tables(settings: Settings) -> None:
    """List the tables of the lake with their rows and columns."""
    from lakehouse.commands.query import tables_command

    tables_command(settings)


@main.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="Port on 127.0.0.1.",
)
@click.pass_obj
def dev(settings: Settings, port: int) -> None:
    """Start Dagster's UI and its daemon on 127.0.0.1."""
    from lakehouse.commands.dev import dev_command

    sys.exit(dev_command(settings, port))


@main.command()
@click.option(
    "--adopt",
    is_flag=True,
    help="Own a storage that an older release used, with all the unknown lake files in it.",
)
@click.pass_obj
def maintain(settings: Settings, adopt: bool) -> None:
    """Housekeeping: merge small files, expire old snapshots, delete unused files."""
    from lakehouse.commands.query import maintain_command

    maintain_command(settings, adopt=adopt)


@main.command()
@click.option("--full", is_flag=True, help="Read every byte, not only sizes and footers.")
@as_json
@click.pass_obj
def verify(settings: Settings, full: bool, as_json: bool) -> None:
    """Compare the files of the lake and of model versions with what was written.

    Ends with status 0 only if nothing is damaged. What cannot be verified is listed.
    """
    from lakehouse.commands.verify import verify_command

    sys.exit(0 if verify_command(settings, full=full, as_json=as_json) else 1)


@main.group()
def quarantine() -> None:
    """What was set aside: see it, try it again, or accept the loss. Each decision is recorded.

    Rejected rows, refused files and files with too few rows. Too many undecided rows of one load
    keep everything behind their source from going on.
    """


of_file = click.option("--file", default="", help="Only of this landed file.")
with_reason = click.option("--reason", default="", help="Only with this reason, as `list` has it.")


@quarantine.command("list")
@click.argument("source", default="")
@click.option("--decided", is_flag=True, help="The decisions that were made instead.")
@as_json
@click.pass_obj
def list_quarantine(settings: Settings, source: str, decided: bool, as_json: bool) -> None:
    """What is undecided, of SOURCE or of all sources."""
    from lakehouse.commands.quarantine import list_command

    list_command(settings, source, decided=decided, as_json=as_json)


@quarantine.command("show")
@click.argument("source")
@of_file
@with_reason
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Rows.")
@as_json
@click.pass_obj
def show_quarantine(
    settings: Settings, source: str, file: str, reason: str, limit: int, as_json: bool
) -> None:
    """The undecided rows of SOURCE with their original text (tokens where personal)."""
    from lakehouse.commands.quarantine import show_command

    show_command(settings, source, file, reason, limit=limit, as_json=as_json)


@quarantine.command("release")
@click.argument("source")
@of_file
@with_reason
@why
@click.pass_obj
def release_quarantine(settings: Settings, source: str, file: str, reason: str, why: str) -> None:
    """Try again what is undecided of SOURCE, under today's contract.

    Rows come into a new landing file of the source, refused files are read again: the next load
    takes both.
    """
    from lakehouse.commands.quarantine import release_command

    release_command(settings, source, file, reason, why=why)


@quarantine.command("discard")
@click.argument("source")
@of_file
@with_reason
@why
@click.pass_obj
def discard_quarantine(settings: Settings, source: str, file: str, reason: str, why: str) -> None:
    """Accept the loss of what is undecided of SOURCE. Nothing is deleted from the record."""
    from lakehouse.commands.quarantine import discard_command

    discard_command(settings, source, file, reason, why=why)


@main.group()
def sources() -> None:
    """Sources: see what was loaded, take a wrong file out again."""


@sources.command("list")
@as_json
@click.pass_obj
def list_sources(settings: Settings, as_json: bool) -> None:
    """Every source: up to when it is complete, its files, rows and rejected rows."""
    from lakehouse.commands.sources import list_command

    list_command(settings, as_json=as_json)


@sources.command()
@click.argument("source")
@click.argument("file")
@why
@click.option("--redo", is_flag=True, help="Build again what was made of it: staging to features.")
@click.pass_obj
def unload(settings: Settings, source: str, file: str, why: str, redo: bool) -> None:
    """Take FILE of SOURCE out of raw; who and why are recorded. It stays in the landing zone.

    No lake loads it again, unless a file with other bytes lands under its name.
    """
    from lakehouse.commands.sources import unload_command

    sys.exit(unload_command(settings, source, file, why=why, redo=redo))


@main.group()
def models() -> None:
    """Model versions: see, compare, promote, roll back, report, make again.

    VERSION may be shortened to a beginning that only one version has, such as v0003.
    """


@models.command("list")
@as_json
@click.pass_obj
def list_models(settings: Settings, as_json: bool) -> None:
    """Every version of every model with its state, its metric on test, and its gates."""
    from lakehouse.commands.models import list_command

    list_command(settings, as_json=as_json)


@models.command()
@click.argument("name")
@click.argument("version", default="")
@as_json
@click.pass_obj
def show(settings: Settings, name: str, version: str, as_json: bool) -> None:
    """All about one VERSION of the model NAME, or about its champion."""
    from lakehouse.commands.show_model import show_command

    show_command(settings, name, version, as_json=as_json)


@models.command()
@click.argument("name")
@click.argument("first")
@click.argument("second")
@as_json
@click.pass_obj
def compare(settings: Settings, name: str, first: str, second: str, as_json: bool) -> None:
    """The version FIRST of the model NAME against SECOND, in pairs on the same rows.

    On matured predictions if both have logged the same rows, else on test rows.
    """
    from lakehouse.commands.compare_models import compare_command

    compare_command(settings, name, first, second, as_json=as_json)


@models.command()
@click.argument("name")
@click.argument("version")
@why
@click.option("--shadow", is_flag=True, help="Let it score beside the champion, deciding nothing.")
@click.pass_obj
def promote(settings: Settings, name: str, version: str, why: str, shadow: bool) -> None:
    """Let VERSION of the model NAME decide from now on; who and why are recorded.

    It has to score the newest rows first. A version that was rolled back decides again only after
    it was a shadow, or if the champion cannot score.
    """
    from lakehouse.commands.models import promote_command

    promote_command(settings, name, version, why=why, shadow=shadow)


@models.command()
@click.argument("name")
@why
@click.pass_obj
def rollback(settings: Settings, name: str, why: str) -> None:
    """Take the champion of the model NAME back; the nearest before it that can score takes over.

    If none can, the declared fallback does (`promotion.fallback`); without one nothing is moved.
    """
    from lakehouse.commands.models import rollback_command

    rollback_command(settings, name, why=why)


@models.command()
@click.argument("name")
@click.argument("version")
@why
@click.pass_obj
def archive(settings: Settings, name: str, version: str, why: str) -> None:
    """Take a candidate or a shadow of the model NAME out of the running."""
    from lakehouse.commands.models import archive_command

    archive_command(settings, name, version, why=why)


@models.command()
@click.argument("name")
@click.argument("version", default="")
@click.option("--output", type=click.Path(path_type=Path), help="Copy it to this file or folder.")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@click.pass_obj
def report(settings: Settings, name: str, version: str, output: Path | None, open_it: bool) -> None:
    """Write the model report of VERSION, or of the champion: one HTML page."""
    from lakehouse.commands.models import report_command

    report_command(settings, name, version, output=output, open_it=open_it)


@models.command()
@click.argument("name")
@click.argument("version")
@click.option("--force", is_flag=True, help="Try although code or libraries have changed.")
@click.pass_obj
def reproduce(settings: Settings, name: str, version: str, force: bool) -> None:
    """Train VERSION again from its pinned training set and recipe, and compare the bytes.

    Nothing is written. Ends with status 0 only if they are the same.
    """
    from lakehouse.commands.models import reproduce_command

    sys.exit(0 if reproduce_command(settings, name, version, force=force) else 1)


@main.group()
def benchmark() -> None:
    """Hold the pipeline against outside yardsticks."""


@benchmark.command()
@click.option(
    "--from",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the handbook's files, tx_date=YYYY-MM-DD.parquet.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the rows here.")
@click.option(
    "--predictions", type=click.Path(path_type=Path), help="Write the scored test rows as Parquet."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the lake in this folder.")
@click.option(
    "--prequential/--no-prequential",
    default=True,
    help="Chapter 5 as well: three more weeks arrive one by one, each trained and tested on.",
)
def handbook(
    folder: Path,
    json_file: Path | None,
    predictions: Path | None,
    keep: Path | None,
    prequential: bool,
) -> None:
    """The fraud detection handbook: the same pipeline on its data, by its protocols."""
    from lakehouse.commands.handbook import handbook_command

    handbook_command(
        folder, json_file=json_file, predictions=predictions, keep=keep, prequential=prequential
    )


def start() -> None:
    """`main` as the installed command. Ends the process as soon as it has nothing more to say.

    Python would first take apart all that Dagster and dbt have made, for one second or two.
    """
    try:
        main()
    except SystemExit as end:
        others = [thread for thread in threading.enumerate() if not thread.daemon]
        if not isinstance(end.code, int) or len(others) > 1:
            raise
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)
