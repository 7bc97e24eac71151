"""Exchange rates: a random walk, and the answers of the API that publishes them.

Rates are published every day at 15:00 UTC, including weekends and holidays, starting the day before
the world's first, so that every transaction has a rate that was known by then.
"""

import json
from pathlib import Path

import numpy as np

from lakehouse.simulator.chance import generator
from lakehouse.simulator.columns import Floats
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.geography import CURRENCIES
from lakehouse.simulator.landing import write_atomically
from lakehouse.simulator.times import DAY, HOUR, json_time, midnight, moment

FIRST: Floats = np.log([1.0, 0.92, 1.17, 1.04])  # euro per unit of each of CURRENCIES
STEP = 0.004  # standard deviation of a day's change
PUBLISHED = 15 * HOUR
PAGE = 2  # rates on a page
COUNT = len(CURRENCIES) - 1  # rates a day; the euro has none


def next_rates(config: WorldConfig, log_rates: Floats, day: int) -> Floats:
    """The logarithms of a day's rates, in the order of CURRENCIES; the euro's stays 0."""
    step = generator(config.seed, "rates", day).normal(0, STEP, len(CURRENCIES))
    step[0] = 0.0
    return log_rates + step


def write_rates(config: WorldConfig, api_dir: Path, log_rates: Floats, day: int) -> None:
    """Write a day's answer, page by page, the first page last."""
    start = midnight(config.start) + day * DAY
    date = f"{moment(start):%Y-%m-%d}"
    rows = [
        {
            "date": date,
            "currency": currency,
            "rate": f"{np.exp(log_rate):.8f}",
            "published_at": f"{moment(start + PUBLISHED):%Y-%m-%dT%H:%M:%SZ}",
        }
        for currency, log_rate in list(zip(CURRENCIES, log_rates, strict=True))[1:]
    ]
    pages = [rows[first : first + PAGE] for first in range(0, len(rows), PAGE)]
    names = [f"{date}.json", *(f"{date}-{page}.json" for page in range(2, len(pages) + 1))]
    for page in reversed(range(len(pages))):
        answer = {
            "data": pages[page],
            "next": names[page + 1] if page + 1 < len(pages) else None,
            "complete_through": json_time(start + DAY - 1),
        }
        content = json.dumps(answer, indent=1).encode()
        write_atomically(api_dir / names[page], content, durable=False)
