"""Changes over time that affect all customers: the season, the week, prices and tactics.

All of it is a function of the day; a `quiet` world has only the weekly pattern.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from lakehouse.simulator.config import WorldConfig

# Monday to Sunday; their mean is 1.
WEEK = (0.90, 0.90, 0.94, 1.00, 1.20, 1.26, 0.80)


@dataclass(frozen=True)
class Conditions:
    """One day's conditions. Factors multiply the usual behaviour of customers and criminals."""

    date: date
    volume: float  # of transactions
    prices: float
    online_share: float
    payday: float  # 1 if paydays count, else 0
    terminal_compromise: float  # factor of how often terminals are compromised
    card_testing: float  # factor of the frequency of card testing
    card_factor: float  # factor on the amounts of stolen cards


def conditions(config: WorldConfig, day: int) -> Conditions:
    """The conditions of day `day`, counted from the world's start.

    Over `drift_days` prices rise by a tenth, payments move online, stolen cards are used less
    conspicuously, and card testing grows from half its mean to twice its mean in the last third.
    """
    today = config.start + timedelta(days=day)
    week = WEEK[today.weekday()]
    if config.quiet:
        return Conditions(today, week, 1.0, 0.25, 0.0, 1.0, 1.0, 8.5)
    drift = min(day / config.drift_days, 2.0)
    season = 1 + 0.08 * np.sin((today.timetuple().tm_yday - 100) * (2 * np.pi / 365.25))
    christmas = 1.15 if today.month == 12 and today.day <= 23 else 1.0
    return Conditions(
        date=today,
        volume=float(week * season * christmas),
        prices=1 + 0.1 * drift,
        online_share=0.20 + 0.15 * drift,
        payday=1.0,
        terminal_compromise=1.2 - 0.4 * drift,
        card_testing=float(np.interp(drift, [0.60, 0.72], [0.5, 2.0])),
        card_factor=9.0 - drift,
    )
