"""`lakehouse models rollback`: make an earlier version the champion again."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.models.moves import mirror_move
from lakehouse.cli.options import examples, pass_settings, why
from lakehouse.cli.output import print_line
from lakehouse.cli.users import user

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "rollback",
    epilog=examples("lakehouse models rollback fraud_detector --why 'alerts tripled overnight'"),
)
@click.argument("name")
@why
@pass_settings
def command(settings: "Settings", name: str, why: str) -> None:
    """Roll back the champion of the model NAME.

    The most recent earlier champion that can score becomes champion again. If none can, the
    declared fallback (`promotion.fallback`) decides; without one nothing changes. The user and the
    reason are recorded.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.models.declared import find_model
    from lakehouse.models.readiness import prover
    from lakehouse.registry import champion, rollback

    spec = find_model(settings.project, name)
    fallback = "" if spec.promotion.fallback == "none" else spec.promotion.fallback
    with open_lake(settings, read_only=False) as lake:
        rolled_back = champion(lake, name).version
        moved = rollback(
            lake,
            name,
            who=user(),
            why=why,
            prove=prover(spec, lake),
            fallback=fallback,
            evidence={"by_hand": True},
            expected_champion=rolled_back,
        )
        mirror_move(lake, name)
    then = (
        f"{moved.version} is champion again"
        if moved
        else f"no earlier version can score, so the declared fallback ({fallback}) decides"
    )
    print_line(f"{name} {rolled_back} was rolled back; {then}")
