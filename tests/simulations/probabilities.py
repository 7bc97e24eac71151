"""Twenty worlds, their models, and the table of outcomes of probabilities and alerts."""

import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tests.simulations.outcomes import Outcome, follow, ratio, slope, together
from tests.simulations.worlds import WORLDS, build


def run(
    folder: Path,
    only: Collection[int] | None = None,
    tell: Callable[[str], None] = lambda _: None,
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
        found.append(follow(world, used, rounds))
        shutil.rmtree(used)
        tell(line(found[-1]))
    return found


def line(one: Outcome) -> str:
    """A row of the table."""
    world, rows = one.world, one.rows
    weeks = " ".join(f"{week / world.alerts:4.2f}" for week in one.weeks)
    return (
        f"{world.name} {world.customers:5d} {world.learnt:3d} d {one.tested:4d} "
        f"{int(rows.truth.sum()):5d} {one.rounds:3d} {one.ap_validation:5.3f}  "
        f"{one.ratio.value:5.3f} [{one.ratio.low:5.3f}, {one.ratio.high:5.3f}]"
        f"{' ' if covers(one) else '!'} {one.slope:5.2f}  "
        f"{one.alerts:6.1f} of {world.alerts:3d} = {one.spent:4.2f}{' ' if spends(one) else '!'} "
        f"({weeks}; first day {one.first_day})"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """All rows, and their totals."""
    head = (
        "world customers learnt, positives of test and after, rounds, AP of validation, "
        "observed/expected, slope, alerts a day"
    )
    rows = together([one.rows for one in outcomes])
    all_of_them = ratio(rows)
    summary = (
        f"together: {all_of_them.value:.3f} [{all_of_them.low:.3f}, {all_of_them.high:.3f}], "
        f"slope {slope(rows):.3f}; covered {sum(map(covers, outcomes))} of {len(outcomes)}; "
        f"spent within 15 % {sum(map(spends, outcomes))} of {len(outcomes)}"
    )
    return "\n".join([head, *map(line, outcomes), summary])


def covers(one: Outcome) -> bool:
    """Whether the interval of observed over expected contains 1."""
    return one.ratio.low <= 1 <= one.ratio.high


def spends(one: Outcome) -> bool:
    """Whether the mean alerts a day of four weeks are within 15 % of capacity."""
    return abs(one.spent - 1) <= 0.15
