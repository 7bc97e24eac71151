"""`lakehouse simulate`: make the embedded world, or let it move on."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lakehouse.commands.output import Output, say
from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings
from lakehouse.simulator import state
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.world import World, advance_world, create_world, load_world

DEFAULT_DAYS = 180


def ensure_world(settings: Settings) -> None:
    """Make the default world if there is none; go on with one that was interrupted."""
    if not state.exists(settings.world_dir):
        _make(settings, _config(days=DEFAULT_DAYS, end=None))
        return
    world = load_world(settings.world_dir)
    if not world.is_whole:
        _make(settings, world.config)


def simulate_command(
    settings: Settings,
    *,
    days: int | None,
    customers: int | None,
    terminals: int | None,
    seed: int | None,
    end: date | None,
) -> None:
    """Move a world on by `days` (1), or make one of `days` (180) that ends before `end` (today)."""
    sizes = {"customers": customers, "terminals": terminals, "seed": seed}
    chosen = {name: value for name, value in sizes.items() if value is not None}
    if not state.exists(settings.world_dir):
        _make(settings, _config(days=days or DEFAULT_DAYS, end=end, **chosen))
    elif chosen or end:
        names = ", ".join(f"--{name}" for name in [*chosen, *(["end"] if end else [])])
        raise LakehouseError(
            f"{names} are for a new world, and there is one in {settings.world_dir}; "
            "leave them out, or delete the data folder (`make clean`) first"
        )
    elif not load_world(settings.world_dir).is_whole:
        _make(settings, load_world(settings.world_dir).config)
    else:
        count, landing = days or 1, _landing(settings)
        with Output().progress(count, "the world moves on") as step:
            world = advance_world(settings.world_dir, landing, count, progress=lambda *_: step())
        _tell(world)


def _config(*, days: int, end: date | None, **sizes: int) -> WorldConfig:
    last = end or datetime.now(UTC).date()
    return WorldConfig.model_validate({"start": last - timedelta(days=days), "days": days, **sizes})


def _make(settings: Settings, config: WorldConfig) -> None:
    landing = _landing(settings)
    with Output().progress(config.days, "making the embedded world") as step:
        world = create_world(config, settings.world_dir, landing, progress=lambda *_: step())
    _tell(world)


def _landing(settings: Settings) -> Path:
    if "://" in settings.landing:
        raise LakehouseError(
            f"the embedded world delivers to a folder, and LAKEHOUSE_LANDING is {settings.landing}"
        )
    return Path(settings.landing)


def _tell(world: World) -> None:
    say(
        f"The world is complete up to {world.last_day} (UTC): {world.counts.days} days, "
        f"{world.counts.transactions:,} transactions."
    )
    if world.last_day >= datetime.now(UTC).date():
        say("That is ahead of the clock, of which the checks `data_age` will warn.")
