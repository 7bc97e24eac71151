"""Errors between the payment and the file: which rows they affect, and which file each row goes to.

`landing` writes the broken rows, and `truth` records which rows were broken.
"""

from dataclasses import dataclass, replace

import numpy as np

from lakehouse.simulator.chance import generator
from lakehouse.simulator.columns import Ints
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.days import Transactions
from lakehouse.simulator.times import DAY, HOUR, SECOND, midnight

DIRT = (
    "duplicate",  # delivered twice, with identical text, in the same file or in one soon after
    "late",  # delivered one to three days late
    "malformed",  # the line breaks off
    "null_field",  # a required field is null
    "wrong_type",  # a field holds something of another type
    "negative_amount",
    "clock_skew",  # the event time is up to three hours after the end of the day
)
CLEAN = -1
MAX_DAYS_LATE = 3  # days


@dataclass(frozen=True)
class Deliveries(Transactions):
    """Rows on their way to a file, in their final form except for what `landing` breaks."""

    file_day: Ints
    dirt: Ints  # index into DIRT, or CLEAN
    draw: Ints  # a random number: decides which field is broken, and where

    @classmethod
    def none(cls) -> "Deliveries":
        """No deliveries."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in range(12)))


def add_dirt(
    config: WorldConfig, transactions: Transactions, day: int
) -> tuple[Deliveries, Deliveries]:
    """The first delivery of every transaction of a day, and the repeated ones."""
    rng = generator(config.seed, "dirt", day)
    count = len(transactions)
    bounds = np.cumsum([getattr(config.dirt, kind) for kind in DIRT])
    dirt = np.searchsorted(bounds, rng.random(count), side="right")
    dirt[dirt == len(DIRT)] = CLEAN
    draw, days_after = rng.integers(0, 1 << 30, count), rng.integers(1, MAX_DAYS_LATE + 1, count)
    skew = (DIRT.index("clock_skew"), rng.integers(SECOND, 3 * HOUR, count))
    end = midnight(config.start) + (day + 1) * DAY
    first = Deliveries(
        **{
            **transactions.arrays(),
            "event_us": np.where(dirt == skew[0], end + skew[1], transactions.event_us),
            "cents": np.where(
                dirt == DIRT.index("negative_amount"), -transactions.cents, transactions.cents
            ),
        },
        file_day=day + np.where(dirt == DIRT.index("late"), days_after, 0),
        dirt=dirt.astype(np.int64),
        draw=draw,
    )
    again = first.take(dirt == DIRT.index("duplicate"))
    return first, replace(again, file_day=again.file_day + again.draw % (MAX_DAYS_LATE + 1))


def arrival(config: WorldConfig, file_day: Ints) -> Ints:
    """The day from which a row can be read: a day after its file's day if that file is cut off."""
    return np.where(file_day == config.truncated_day, file_day + 1, file_day)
