"""`lakehouse models reproduce`: train a version again and compare the bytes."""

import sys
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import Toned, print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("reproduce", epilog=examples("lakehouse models reproduce fraud_detector v0003"))
@click.argument("name")
@click.argument("version")
@click.option("--force", is_flag=True, help="Reproduce even if code or libraries have changed.")
@pass_settings
def command(settings: "Settings", name: str, version: str, force: bool) -> None:
    """Train VERSION again, and compare the bytes.

    Uses its pinned training set and recipe, and writes nothing. Ends with status 0 only if the
    bytes are the same.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.models.declared import find_model
    from lakehouse.registry.abbreviation import find_version
    from lakehouse.training.reproduction import reproduce

    spec = find_model(settings.project, name)
    with open_lake(settings, read_only=False) as lake:
        pinned = find_version(lake, name, version)
        result = reproduce(spec, lake, pinned, force=force)
    for file, (registered, now) in result.files.items():
        mark = "same" if registered == now else "DIFFERS"
        print_line(f"{file:12} {registered[:16]} {now[:16]} {mark}")
    print_line(Toned(f"{name} {pinned.version}: {result.why}", "good" if result.same else "bad"))
    sys.exit(0 if result.same else 1)
