"""Customers and terminals as columns, and how new ones are made.

A customer's or terminal's position in the columns is its id less one; those who left keep their
position. `changes` covers how they change from day to day.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.simulator import geography
from lakehouse.simulator.columns import Bools, Columns, Floats, Ints
from lakehouse.simulator.geography import SIDE, Places
from lakehouse.simulator.times import DAY

NEVER = 1 << 40  # a day index that is never reached
SEGMENTS = ("basic", "plus", "premium")
SEGMENT_AMOUNT: Floats = np.array([0.85, 1.25, 2.0])
GENDERS = ("F", "M", "X")
CATEGORIES = ("groceries", "fuel", "restaurant", "fashion", "electronics", "travel", "services")
CATEGORY_SHARE: Floats = np.array([0.32, 0.12, 0.20, 0.12, 0.07, 0.05, 0.12])
CATEGORY_AMOUNT: Floats = np.array([0.8, 1.1, 0.7, 1.3, 2.0, 2.6, 0.9])
MAIL_DOMAINS = 6
NAMES = 200  # number of first names and of last names per country

NEARBY = 24  # shops that a customer visits
ONLINE = 8  # online merchants that a customer buys from
ACTIVITY_SPREAD = 0.65  # standard deviation of a customer's log activity
ACTIVITY_MEMORY = 0.5 ** (1 / 25)  # the share that remains after a day: half after 25 days


@dataclass(frozen=True)
class Customers(Columns):
    """Customers. Amounts in euro, days as indices, `*_us` in microseconds since 1970."""

    x: Floats
    y: Floats
    gender: Ints
    birth_day: Ints  # days since 1970
    segment: Ints
    first_name: Ints  # index into the names of all countries
    last_name: Ints
    mail_domain: Ints
    phone: Ints
    opened_us: Ints
    updated_us: Ints
    first_day: Ints  # first day with transactions
    last_day: Ints  # first day without
    rate: Floats  # transactions a day, relative to the mean
    amount: Floats  # mean amount, before the segment
    activity: Floats  # logarithm; wanders slowly
    salary_day: Ints  # of the month
    payday: Floats  # extra spending right after it
    away_until: Ints
    stolen_until: Ints
    nearby: Ints  # shape (customers, NEARBY)
    online: Ints  # shape (customers, ONLINE)

    def active(self, day: int) -> Bools:
        """Which customers may pay on a day."""
        return (self.first_day <= day) & (day < self.last_day)


@dataclass(frozen=True)
class Terminals(Columns):
    """Terminals: shops on the map, and online merchants, which every customer can reach."""

    x: Floats
    y: Floats
    is_online: Bools
    category: Ints
    owner: Ints  # index of the merchant's last name
    opened_us: Ints
    updated_us: Ints
    first_day: Ints
    last_day: Ints
    compromised_until: Ints

    def active(self, day: int) -> Bools:
        """Which terminals accept payments on a day."""
        return (self.first_day <= day) & (day < self.last_day)

    def places(self, day: int) -> Places:
        """The places to pay on a day."""
        return Places(self.x, self.y, self.is_online, self.active(day))


def new_terminals(
    rng: np.random.Generator, opened_us: Ints, first_day: int, existing: int = 0
) -> Terminals:
    """A terminal for each opening time; every seventh of all is online, starting with the first."""
    count = len(opened_us)
    x = rng.random(count) * SIDE
    return Terminals(
        x=x,
        y=rng.random(count) * SIDE,
        is_online=np.arange(existing, existing + count) % 7 == 0,
        category=rng.choice(len(CATEGORIES), size=count, p=CATEGORY_SHARE),
        owner=NAMES * geography.country_at(x) + rng.integers(0, NAMES, count),
        opened_us=opened_us,
        updated_us=opened_us,
        first_day=np.full(count, first_day),
        last_day=np.full(count, NEVER),
        compromised_until=np.zeros(count, dtype=np.int64),
    )


def new_customers(
    rng: np.random.Generator, places: Places, opened_us: Ints, first_day: int
) -> Customers:
    """One customer for each opening time, who pays from `first_day` on.

    Rates are gamma, amounts lognormal, as in the handbook's simulator but with longer tails;
    activity starts in its stationary distribution.
    """
    count = len(opened_us)
    x, y = rng.random(count) * SIDE, rng.random(count) * SIDE
    age_days = np.clip(rng.normal(45, 17, count), 18, 92) * 365.25
    regular = rng.choice([1, 15, 25], size=count)
    return Customers(
        x=x,
        y=y,
        gender=rng.choice(len(GENDERS), size=count, p=[0.49, 0.49, 0.02]),
        birth_day=opened_us // DAY - age_days.astype(np.int64),
        segment=rng.choice(len(SEGMENTS), size=count, p=[0.6, 0.3, 0.1]),
        first_name=NAMES * geography.country_at(x) + rng.integers(0, NAMES, count),
        last_name=NAMES * geography.country_at(x) + rng.integers(0, NAMES, count),
        mail_domain=rng.integers(0, MAIL_DOMAINS, count),
        phone=rng.integers(10**9, 10**10, count),
        opened_us=opened_us,
        updated_us=opened_us,
        first_day=np.full(count, first_day),
        last_day=np.full(count, NEVER),
        rate=rng.gamma(3.0, 1 / 3.0, count),
        amount=30 * np.exp(rng.normal(0, 0.5, count)),
        activity=rng.normal(0, ACTIVITY_SPREAD, count),
        salary_day=np.where(rng.random(count) < 0.5, regular, rng.integers(1, 29, count)),
        payday=rng.uniform(0.0, 2.0, count),
        away_until=np.zeros(count, dtype=np.int64),
        stolen_until=np.zeros(count, dtype=np.int64),
        nearby=choose_nearby(rng, places, x, y),
        online=rng.choice(places.online, size=(count, ONLINE)),
    )


def choose_nearby(rng: np.random.Generator, places: Places, x: Floats, y: Floats) -> Ints:
    """NEARBY shops for each home; shape (homes, NEARBY)."""
    shape = (len(x), NEARBY)
    return places.near(rng, np.broadcast_to(x[:, None], shape), np.broadcast_to(y[:, None], shape))


def country_of(rows: Customers | Terminals) -> Ints:
    """Index of the country of each customer or terminal."""
    return geography.country_at(rows.x)
