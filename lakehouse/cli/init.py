"""`lakehouse init`: a new project with a sample that runs."""

from pathlib import Path

import click

from lakehouse.cli.options import examples
from lakehouse.cli.output import print_line


@click.command("init", epilog=examples("lakehouse init shop", "lakehouse init shop --domain sales"))
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path))
@click.option(
    "--domain",
    metavar="NAME",
    default="",
    help="The first domain, a folder of declarations and dbt models; the project's name if unset.",
)
def command(folder: Path, domain: str) -> None:
    """Make a project in a new folder, with a sample that runs.

    The sample is a source of orders, their dbt tables, a feature set and a model. NAME is the name
    of the folder and of the project, in lower-case letters, digits and hyphens; a path puts the
    folder elsewhere.
    """
    from datetime import UTC, datetime, timedelta

    from lakehouse.starter import create_project

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    folder = folder.expanduser().absolute()
    names = create_project(folder, domain, last_day=yesterday)
    print_line(f"Made the project {names.project} with the domain {names.domain} in {folder}.")
    print_line(
        f"Next: cd {folder.name}; `lakehouse run` makes everything, `lakehouse dev` shows it."
    )
