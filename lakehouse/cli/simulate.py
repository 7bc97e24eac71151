"""`lakehouse simulate`: create the embedded world, or advance it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import DAY, examples, pass_settings
from lakehouse.cli.output import Output, print_line
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from datetime import date

    from lakehouse.settings import Settings
    from lakehouse.simulator.config import WorldConfig
    from lakehouse.simulator.world import World

DEFAULT_DAYS = 180
"""Days of a new world, unless chosen."""


@click.command(
    "simulate",
    epilog=examples(
        "lakehouse simulate --days 1",
        "lakehouse simulate --days 60 --customers 500 --terminals 1000 --seed 1 --end 2026-06-01",
    ),
)
@click.option(
    "--days",
    type=click.IntRange(1),
    metavar="N",
    help=f"Days to advance the world by (1), or of a new world ({DEFAULT_DAYS}).",
)
@click.option(
    "--customers", type=click.IntRange(1), metavar="N", help="Customers of a new world (5,000)."
)
@click.option(
    "--terminals", type=click.IntRange(10), metavar="N", help="Terminals of a new world (10,000)."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Seed of a new world (7); the same seed makes the same world.",
)
@click.option(
    "--end",
    type=DAY,
    metavar="DATE",
    help="The day after the last one of a new world (today, UTC).",
)
@pass_settings
def command(
    settings: "Settings",
    days: int | None,
    customers: int | None,
    terminals: int | None,
    seed: int | None,
    end: "date | None",
) -> None:
    """Create the embedded world, or advance it by days.

    Files land, and the bank's database changes. All options except --days apply only to a new
    world.
    """
    from lakehouse.simulator import state
    from lakehouse.simulator.folder import world_folder
    from lakehouse.simulator.world import advance_world, load_world

    sizes = {"customers": customers, "terminals": terminals, "seed": seed}
    chosen = {name: value for name, value in sizes.items() if value is not None}
    if not state.exists(world_folder(settings)):
        _create(settings, _config(days=days or DEFAULT_DAYS, end=end, **chosen))
    elif chosen or end:
        names = ", ".join(f"--{name}" for name in [*chosen, *(["end"] if end else [])])
        raise LakehouseError(
            f"only a new world takes {names}, and there is already one in "
            f"{world_folder(settings)}; omit the options, or delete the data folder (`make clean`) "
            "first"
        )
    elif not load_world(world_folder(settings)).is_complete:
        _create(settings, load_world(world_folder(settings)).config)
    else:
        count, landing = days or 1, _landing(settings)
        with Output().progress(count, "advancing the embedded world") as step:
            world = advance_world(
                world_folder(settings), landing, count, progress=lambda *_: step()
            )
        _print(world)


def ensure_world(settings: "Settings") -> None:
    """Create the default world if there is none; continue one that was interrupted."""
    from lakehouse.simulator import state
    from lakehouse.simulator.folder import world_folder
    from lakehouse.simulator.world import load_world

    if not state.exists(world_folder(settings)):
        _create(settings, _config(days=DEFAULT_DAYS, end=None))
        return
    world = load_world(world_folder(settings))
    if not world.is_complete:
        _create(settings, world.config)


def _config(*, days: int, end: "date | None", **sizes: int) -> "WorldConfig":
    from lakehouse.simulator.config import WorldConfig

    last = end or datetime.now(UTC).date()
    try:
        start = last - timedelta(days=days)
    except OverflowError as error:
        raise LakehouseError(
            f"a world of {days:,} days before {last} begins before the year 1; choose fewer --days"
        ) from error
    return WorldConfig.model_validate({"start": start, "days": days, **sizes})


def _create(settings: "Settings", config: "WorldConfig") -> None:
    from lakehouse.simulator.folder import world_folder
    from lakehouse.simulator.world import create_world

    landing = _landing(settings)
    with Output().progress(config.days, "creating the embedded world") as step:
        world = create_world(config, world_folder(settings), landing, progress=lambda *_: step())
    _print(world)


def _landing(settings: "Settings") -> Path:
    if "://" in settings.landing:
        raise LakehouseError(
            "the embedded world delivers its files to a local folder, but LAKEHOUSE_LANDING is "
            f"{settings.landing}; set it to a folder"
        )
    return Path(settings.landing)


def _print(world: "World") -> None:
    days = f"{world.counts.days:,} day" + ("s" if world.counts.days != 1 else "")
    print_line(
        f"The world is complete up to {world.last_day} (UTC): {days}, "
        f"{world.counts.transactions:,} transactions."
    )
    if world.last_day >= datetime.now(UTC).date():
        print_line("That is ahead of the clock, so the checks `data_age` will warn.")
