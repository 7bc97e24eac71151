"""The changes of one night: people join, leave, move; shops open and close; habits drift.

`next_day` takes the population from one day to the next and returns what the bank must record.
Transactions and fraud are not made here.
"""

from dataclasses import dataclass, replace

import numpy as np

from lakehouse.simulator.chance import generator, sample
from lakehouse.simulator.columns import Ints
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.drift import Conditions
from lakehouse.simulator.geography import COUNTRIES, SIDE, Places
from lakehouse.simulator.population import (
    ACTIVITY_MEMORY,
    ACTIVITY_SPREAD,
    CATEGORIES,
    CATEGORY_SHARE,
    MAIL_DOMAINS,
    NAMES,
    SEGMENTS,
    Customers,
    Terminals,
    choose_nearby,
    new_customers,
    new_terminals,
)
from lakehouse.simulator.times import DAY, midnight

JOINING = 0.0010  # of the first day's customers, a day
LEAVING = 0.0010  # of all, a day
CHANGING = 0.0030
OPENING = 0.0005  # of the first day's terminals, a day
CLOSING = 0.0005
REBRANDING = 0.0005
SHOP_SWAPS = 0.004  # share of favourite shops that are swapped for another, a day
TRAVELLING = 0.006


@dataclass(frozen=True)
class Population:
    """All customers, and all places where they can pay."""

    customers: Customers
    terminals: Terminals


@dataclass(frozen=True)
class Changes:
    """What the bank records for a day, as positions: new or changed rows, and rows to delete."""

    customers: Ints
    customers_left: Ints
    terminals: Ints
    terminals_left: Ints


def initial_population(config: WorldConfig) -> Population:
    """The population at the start; all joined in the five years before."""
    start = midnight(config.start)
    rng = generator(config.seed, "terminals")
    opened = start - rng.integers(1, 5 * 365 * DAY, config.terminals)
    terminals = new_terminals(rng, opened, first_day=0)
    rng = generator(config.seed, "customers")
    opened = start - rng.integers(1, 5 * 365 * DAY, config.customers)
    return Population(new_customers(rng, terminals.places(0), opened, first_day=0), terminals)


def next_day(
    config: WorldConfig, before: Population, day: int, now: Conditions
) -> tuple[Population, Changes]:
    """The population of day `day`, from that of the day before.

    New customers are recorded on this day and pay from the next day on; those who leave no longer
    pay.
    """
    terminals, opened, closed = _next_terminals(config, before.terminals, day, now)
    customers, changed, left = _next_customers(
        config, before.customers, terminals.places(day), day, now
    )
    return Population(customers, terminals), Changes(changed, left, opened, closed)


def _next_terminals(
    config: WorldConfig, before: Terminals, day: int, now: Conditions
) -> tuple[Terminals, Ints, Ints]:
    rng = generator(config.seed, "terminals", day)
    start = midnight(now.date)
    active = np.flatnonzero(before.active(day))
    # The first shop and the first online merchant never close, so there is always a place to pay.
    chosen = sample(rng, active[2:], (CLOSING + REBRANDING) * len(active))
    closing, rebranding = chosen[::2], chosen[1::2]
    last_day, category = before.last_day.copy(), before.category.copy()
    owner, updated_us = before.owner.copy(), before.updated_us.copy()
    last_day[closing] = day
    category[rebranding] = rng.choice(len(CATEGORIES), size=len(rebranding), p=CATEGORY_SHARE)
    owner[rebranding] = rng.integers(0, NAMES * len(COUNTRIES), len(rebranding))
    updated_us[rebranding] = start + rng.integers(0, DAY, len(rebranding))
    kept = replace(before, last_day=last_day, category=category, owner=owner, updated_us=updated_us)
    opened_us = start + rng.integers(0, DAY, 1 + rng.poisson(OPENING * config.terminals))
    new = new_terminals(rng, opened_us, first_day=day + 1, existing=len(before))
    terminals = Terminals.concat([kept, new])
    return terminals, np.r_[rebranding, len(before) : len(terminals)], closing


def _next_customers(
    config: WorldConfig, before: Customers, places: Places, day: int, now: Conditions
) -> tuple[Customers, Ints, Ints]:
    rng = generator(config.seed, "customers", day)
    start = midnight(now.date)
    active = np.flatnonzero(before.active(day))
    changing = sample(rng, active, CHANGING * len(active))
    # At least one customer stays, and no customer changes and leaves on the same day.
    staying = np.setdiff1d(active, changing, assume_unique=True)[1:]
    leaving = sample(rng, staying, LEAVING * len(active))
    last_day, updated_us = before.last_day.copy(), before.updated_us.copy()
    last_day[leaving] = day
    updated_us[changing] = start + rng.integers(0, DAY, len(changing))
    x, y = before.x.copy(), before.y.copy()
    domain, phone = before.mail_domain.copy(), before.phone.copy()
    segment, (nearby, online) = before.segment.copy(), _next_habits(rng, before, places)
    kind_of_change = rng.integers(0, 4, len(changing))
    movers, mailers, callers, climbers = (changing[kind_of_change == kind] for kind in range(4))
    x[movers] = rng.random(len(movers)) * SIDE
    y[movers] = rng.random(len(movers)) * SIDE
    nearby[movers] = choose_nearby(rng, places, x[movers], y[movers])
    domain[mailers] = (domain[mailers] + rng.integers(1, MAIL_DOMAINS, len(mailers))) % MAIL_DOMAINS
    phone[callers] = rng.integers(10**9, 10**10, len(callers))
    other = rng.integers(1, len(SEGMENTS), len(climbers))
    segment[climbers] = (segment[climbers] + other) % len(SEGMENTS)
    shock = ACTIVITY_SPREAD * np.sqrt(1 - ACTIVITY_MEMORY**2)
    starts_trip = (before.away_until <= day) & (rng.random(len(before)) < TRAVELLING)
    kept = replace(
        before,
        x=x,
        y=y,
        mail_domain=domain,
        phone=phone,
        segment=segment,
        nearby=nearby,
        online=online,
        last_day=last_day,
        updated_us=updated_us,
        activity=ACTIVITY_MEMORY * before.activity + rng.normal(0, shock, len(before)),
        away_until=np.where(starts_trip, day + rng.integers(4, 15, len(before)), before.away_until),
    )
    opened_us = start + rng.integers(0, DAY, 1 + rng.poisson(JOINING * config.customers))
    joined = new_customers(rng, places, opened_us, first_day=day + 1)
    customers = Customers.concat([kept, joined])
    return customers, np.r_[changing, len(before) : len(customers)], leaving


def _next_habits(rng: np.random.Generator, before: Customers, places: Places) -> tuple[Ints, Ints]:
    """The places that customers visit, after some swapped a shop and closed shops were replaced."""
    nearby, online = before.nearby.copy(), before.online.copy()
    replaced = ~places.is_open[nearby]
    replaced.flat[rng.integers(0, nearby.size, int(SHOP_SWAPS * nearby.size))] = True
    customer, place = np.nonzero(replaced)
    nearby[customer, place] = places.near(rng, before.x[customer], before.y[customer])
    closed = ~places.is_open[online]
    online[closed] = rng.choice(places.online, size=int(closed.sum()))
    return nearby, online
