"""Twenty worlds, their models, and the table of outcomes of probabilities and alerts."""

import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tests.simulations.outcomes import Outcome, pool, ratio, slope, train_and_measure
from tests.simulations.worlds import WORLDS, build


def run(
    folder: Path,
    only: Collection[int] | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
    rounds: int | None = None,
) -> list[Outcome]:
    """Run all worlds in turn; worlds that `folder` already holds are not built again.

    `rounds` limits the number of trees.
    """
    found = []
    for world in WORLDS:
        if only and world.number not in only:
            continue
        with_features = folder / f"world-{world.name}"
        if not with_features.exists():
            building = folder / f"building-{world.name}"
            shutil.rmtree(building, ignore_errors=True)
            build(world, building, folder / "parsed")
            building.rename(with_features)
        used = folder / f"used-{world.name}"
        shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(with_features, used)
        found.append(train_and_measure(world, used, rounds))
        shutil.rmtree(used)
        on_progress(line(found[-1]))
    return found


def line(one: Outcome) -> str:
    """A row of the table."""
    world, rows = one.world, one.rows
    weeks = " ".join(f"{week / world.alerts:4.2f}" for week in one.weeks)
    return (
        f"{world.name} {world.customers:5d} {world.training_days:3d} d {one.test_positives:4d} "
        f"{int(rows.truth.sum()):5d} {one.rounds:3d} {one.ap_validation:5.3f}  "
        f"{one.ratio.value:5.3f} [{one.ratio.low:5.3f}, {one.ratio.high:5.3f}]"
        f"{' ' if covers_1(one) else '!'} {one.slope:5.2f}  "
        f"{one.alerts:6.1f} of {world.alerts:3d} = {one.capacity_used:4.2f}"
        f"{' ' if is_at_capacity(one) else '!'} ({weeks}; first day {one.first_day})"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """All rows, and their totals."""
    head = (
        "world, customers, training days, positives (test, later), rounds, validation AP, "
        "observed/expected, slope, alerts a day"
    )
    rows = pool([one.rows for one in outcomes])
    pooled = ratio(rows)
    summary = (
        f"together: {pooled.value:.3f} [{pooled.low:.3f}, {pooled.high:.3f}], "
        f"slope {slope(rows):.3f}; covered {sum(map(covers_1, outcomes))} of {len(outcomes)}; "
        f"within 15 % of capacity {sum(map(is_at_capacity, outcomes))} of {len(outcomes)}"
    )
    return "\n".join([head, *map(line, outcomes), summary])


def covers_1(one: Outcome) -> bool:
    """Whether the interval of observed over expected contains 1."""
    return one.ratio.low <= 1 <= one.ratio.high


def is_at_capacity(one: Outcome) -> bool:
    """Whether the mean alerts a day of four weeks are within 15 % of capacity."""
    return abs(one.capacity_used - 1) <= 0.15
