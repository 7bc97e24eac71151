"""The true transactions of a day: the genuine ones here, fraud in `fraud`.

Files, dirt and the bank are in other modules.
"""

import calendar
from dataclasses import dataclass, replace

import numpy as np

from lakehouse.simulator.chance import generator
from lakehouse.simulator.changes import Population
from lakehouse.simulator.columns import Columns, Floats, Ints
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.drift import Conditions
from lakehouse.simulator.geography import CURRENCY_OF_COUNTRY
from lakehouse.simulator.population import (
    ACTIVITY_SPREAD,
    CATEGORY_AMOUNT,
    SEGMENT_AMOUNT,
    Customers,
    country_of,
)
from lakehouse.simulator.times import DAY, HOUR, midnight

CHANNELS = ("chip", "contactless", "online")
CHIP, CONTACTLESS, ONLINE = range(3)
WALLETS = ("apple", "google")
KINDS = ("amount_outlier", "terminal_compromise", "card_compromise", "card_testing")
GENUINE = -1
NO_WALLET = -1
AMOUNT_SPREAD = 0.6  # standard deviation of one customer's log amounts
MAX_GENUINE_CENTS = 90_000  # cents; no genuine amount is larger, so that outliers are out of range
AWAY_FACTOR = 0.2  # factor on the number of transactions of customers who are away
PAYDAY_DAYS = 5


@dataclass(frozen=True)
class Payments(Columns):
    """Transactions before they have an id: positions of customer and terminal, euro cents."""

    customer: Ints
    terminal: Ints
    event_us: Ints
    euro_cents: Ints
    channel: Ints
    kind: Ints  # index into KINDS, or GENUINE


@dataclass(frozen=True)
class Transactions(Columns):
    """Transactions in the source; `cents` are of the currency."""

    transaction_id: Ints
    customer_id: Ints
    terminal_id: Ints
    event_us: Ints
    cents: Ints
    currency: Ints
    channel: Ints
    wallet: Ints
    kind: Ints

    @classmethod
    def none(cls) -> "Transactions":
        """No transactions."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in range(9)))


def genuine(config: WorldConfig, people: Population, day: int, now: Conditions) -> Payments:
    """The genuine payments of a day, grouped by customer, in no order of time."""
    rng = generator(config.seed, "payments", day)
    customers, terminals = people.customers, people.terminals
    expected = _expected(config, customers, day, now)
    customer = np.repeat(np.arange(len(customers)), rng.poisson(expected))
    count = len(customer)
    is_online = rng.random(count) < now.online_share
    # Squared, so that customers visit their first favourites more often.
    preference = rng.random(count) ** 2
    terminal = np.where(
        is_online,
        customers.online[customer, (preference * customers.online.shape[1]).astype(np.int64)],
        customers.nearby[customer, (preference * customers.nearby.shape[1]).astype(np.int64)],
    )
    hour = rng.normal(np.where(is_online, 19.0, 14.0), 4.0) % 24
    mean = (
        now.prices
        * customers.amount[customer]
        * SEGMENT_AMOUNT[customers.segment[customer]]
        * CATEGORY_AMOUNT[terminals.category[terminal]]
    )
    spread = rng.normal(-(AMOUNT_SPREAD**2) / 2, AMOUNT_SPREAD, count)
    cents = np.clip(mean * np.exp(spread) * 100, 50, MAX_GENUINE_CENTS).astype(np.int64)
    tapped = rng.random(count) < np.where(cents < 5000, 0.7, 0.25)
    return Payments(
        customer=customer,
        terminal=terminal,
        event_us=midnight(now.date) + np.minimum((hour * HOUR).astype(np.int64), DAY - 1),
        euro_cents=cents,
        channel=np.where(is_online, ONLINE, np.where(tapped, CONTACTLESS, CHIP)),
        kind=np.full(count, GENUINE),
    )


def _expected(config: WorldConfig, customers: Customers, day: int, now: Conditions) -> Floats:
    """The average number of genuine transactions of each customer on this day."""
    activity = np.exp(customers.activity - ACTIVITY_SPREAD**2 / 2)
    return (
        config.transactions_per_customer_day
        * now.volume
        * customers.active(day)
        * customers.rate
        * activity
        * _payday(customers, now)
        * np.where(day < customers.away_until, AWAY_FACTOR, 1.0)
    )


def _payday(customers: Customers, now: Conditions) -> Floats:
    """A factor by days since the salary: high at first, constant after PAYDAY_DAYS, mean 1."""
    today = now.date
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    since = today.day - customers.salary_day
    since = np.where(since < 0, since + calendar.monthrange(year, month)[1], since)
    strength = now.payday * customers.payday
    bump = np.clip(1 - since / PAYDAY_DAYS, 0, None)
    return np.asarray((1 + strength * bump) / (1 + strength * (PAYDAY_DAYS + 1) / 2 / 30.4))


def register(
    config: WorldConfig,
    people: Population,
    payments: Payments,
    log_rates: Floats,
    first_id: int,
    day: int,
) -> Transactions:
    """The payments in order of time, with ids, in the currency of the terminal's country.

    `log_rates` are the logarithms of euro per unit of each currency, from the latest publication.
    """
    rng = generator(config.seed, "wallets", day)
    payments = payments.take(np.argsort(payments.event_us, kind="stable"))
    currency = CURRENCY_OF_COUNTRY[country_of(people.terminals)[payments.terminal]]
    local = payments.euro_cents / np.exp(log_rates)[currency]
    pays_by_phone = (payments.channel == CONTACTLESS) & (rng.random(len(payments)) < 0.4)
    wallet = np.where(pays_by_phone, payments.customer % len(WALLETS), NO_WALLET)
    return Transactions(
        transaction_id=np.arange(first_id, first_id + len(payments)),
        customer_id=payments.customer + 1,
        terminal_id=payments.terminal + 1,
        event_us=payments.event_us,
        cents=np.maximum(local.round().astype(np.int64), 1),
        currency=currency,
        channel=payments.channel,
        wallet=wallet if day >= config.wallet_day else np.full(len(payments), NO_WALLET),
        kind=payments.kind,
    )


def with_kind(payments: Payments, chosen: Ints, kind: str, euro_cents: Ints) -> Payments:
    """The payments with those at the chosen positions turned into frauds of a kind."""
    kinds, cents = payments.kind.copy(), payments.euro_cents.copy()
    kinds[chosen], cents[chosen] = KINDS.index(kind), euro_cents
    return replace(payments, kind=kinds, euro_cents=cents)
