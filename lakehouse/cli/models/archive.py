"""`lakehouse models archive`: take a version out of use."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.models.moves import is_already, mirror_move
from lakehouse.cli.options import examples, pass_settings, why
from lakehouse.cli.output import print_line
from lakehouse.cli.users import user

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "archive",
    epilog=examples(
        "lakehouse models archive fraud_detector v0003 --why 'trained on a broken day'"
    ),
)
@click.argument("name")
@click.argument("version")
@why
@pass_settings
def command(settings: "Settings", name: str, version: str, why: str) -> None:
    """Archive a candidate or a shadow of the model NAME.

    It does not score until it is promoted again. The user and the reason are recorded.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.models.declared import find_model
    from lakehouse.registry import archive
    from lakehouse.registry.abbreviation import find_version

    find_model(settings.project, name)
    with open_lake(settings, read_only=False) as lake:
        chosen = find_version(lake, name, version)
        if is_already(chosen, "archived"):
            return
        archive(lake, name, chosen.version, who=user(), why=why, evidence={"by_hand": True})
        mirror_move(lake, name)
    print_line(f"{name} {chosen.version} is archived")
