"""`lakehouse models promote`: make a version the champion, or a shadow."""

from functools import partial
from typing import TYPE_CHECKING

import click

from lakehouse.cli.models.moves import is_already, mirror_move
from lakehouse.cli.options import examples, pass_settings, why
from lakehouse.cli.output import print_line, warn
from lakehouse.cli.users import user

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "promote",
    epilog=examples(
        "lakehouse models promote fraud_detector v0003 --why 'finds more at the same capacity'",
        "lakehouse models promote fraud_detector v0003 --shadow --why 'to see a month of scores'",
    ),
)
@click.argument("name")
@click.argument("version")
@why
@click.option("--shadow", is_flag=True, help="Make it a shadow, which scores but does not decide.")
@pass_settings
def command(settings: "Settings", name: str, version: str, why: str, shadow: bool) -> None:
    """Make VERSION the champion of the model NAME.

    It must first prove that it can score the newest rows. A version that was rolled back can become
    champion again only after it was a shadow, or if the champion cannot score. The user and the
    reason are recorded.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.models.declared import find_model
    from lakehouse.models.readiness import prover
    from lakehouse.registry import list_gates, promote, start_shadow
    from lakehouse.registry.abbreviation import find_version
    from lakehouse.training.summary import failed_gates

    spec = find_model(settings.project, name)
    with open_lake(settings, read_only=False) as lake:
        chosen = find_version(lake, name, version)
        if is_already(chosen, "shadow" if shadow else "champion"):
            return
        failed = failed_gates(list_gates(lake, name, chosen.version))
        evidence = {"by_hand": True, "gates_failed": failed}
        move = start_shadow if shadow else partial(promote, prove=prover(spec, lake))
        moved = move(lake, name, chosen.version, who=user(), why=why, evidence=evidence)
        mirror_move(lake, name)
    print_line(f"{name} {moved.version} is {moved.state}, decided by {user()}: {why}")
    if failed:
        warn(f"warning: it failed the gates {', '.join(failed)}")
