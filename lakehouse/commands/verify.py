"""`lakehouse verify`: prints what was looked at, what is damaged, and what cannot be told."""

import sys
from dataclasses import asdict

from lakehouse.commands.opening import open_lake
from lakehouse.commands.output import Output, Toned, say
from lakehouse.lake.verify import verify_lake
from lakehouse.registry.verify import verify_artefacts
from lakehouse.settings import Settings


def verify_command(settings: Settings, *, full: bool, as_json: bool) -> bool:
    """Whether nothing is damaged, as far as can be told."""
    with open_lake(settings) as lake:
        done = verify_lake(lake, full=full)
        verify_artefacts(lake, done)
    if as_json:
        Output().json(asdict(done))
        return not done.damage
    for kind, number in done.looked_at.items():
        say(f"{number:,} {kind}: as they were written")
    for told in done.untold:
        say(f"not verified: {told}")
    for damage in done.damage:
        Output(sys.stderr).say(Toned(f"damaged: {damage.what} {damage.problem}", "bad"))
    return not done.damage
