"""`lakehouse models report`: the report of a version as one HTML page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "report",
    epilog=examples(
        "lakehouse models report fraud_detector --open",
        "lakehouse models report fraud_detector v0003 --output reports/v0003.html",
    ),
)
@click.argument("name")
@click.argument("version", default="")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Copy the page to this file or folder; otherwise it stays with the version's files.",
)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@pass_settings
def command(
    settings: "Settings", name: str, version: str, output: Path | None, open_it: bool
) -> None:
    """Write the report of VERSION, or of the champion, as HTML.

    Prints the path of the page.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.models.declared import find_model
    from lakehouse.registry.abbreviation import find_version
    from lakehouse.training.report import write_report

    spec = find_model(settings.project, name)
    with open_lake(settings) as lake:
        path = write_report(spec, lake, find_version(lake, name, version))
    if output is not None:
        target = output / f"{path.parent.name}.html" if output.is_dir() else output
        target.write_bytes(path.read_bytes())
        path = target
    print_line(str(path))
    if open_it:
        click.launch(path.resolve().as_uri())
