"""`lakehouse verify`: prints what was looked at, what is damaged, and what cannot be told."""

import json
from dataclasses import asdict

import click

from lakehouse.lake import Lake
from lakehouse.lake.verify import verify_lake
from lakehouse.registry.verify import verify_artefacts
from lakehouse.settings import Settings


def verify_command(settings: Settings, *, full: bool, as_json: bool) -> bool:
    """Whether nothing is damaged, as far as can be told."""
    with Lake(settings, read_only=True) as lake:
        done = verify_lake(lake, full=full)
        verify_artefacts(lake, done)
    if as_json:
        click.echo(json.dumps(asdict(done), indent=1))
        return not done.damage
    for kind, number in done.looked_at.items():
        click.echo(f"{number:,} {kind}: as they were written")
    for told in done.untold:
        click.echo(f"not verified: {told}")
    for damage in done.damage:
        click.secho(f"damaged: {damage.what} {damage.problem}", fg="red", err=True)
    return not done.damage
