"""Fraud of four kinds, and one known disparity.

- `amount_outlier`: a single amount that no genuine payment reaches.
- `terminal_compromise`: nearly all payments at a terminal, for three to five weeks. Amounts are
  ordinary; only the history of the terminal reveals it.
- `card_compromise`: a third of a card's payments for two weeks, with inflated amounts.
- `card_testing`: within minutes 5 to 15 tiny online payments with one card, then a large one.

The disparity: stolen cards of women (gender F) are used with hardly inflated amounts, so their
frauds are harder to find. A model's true positive rate is lower for F than for M, and a fairness
monitor that does not report this is wrong. `world/truth/known.json` has it in machine-readable
form.

The first three kinds follow the handbook's simulator: https://fraud-detection-handbook.github.io
(chapter 3, "Transaction data simulator").
"""

from dataclasses import replace

import numpy as np

from lakehouse.simulator.chance import generator
from lakehouse.simulator.changes import Population
from lakehouse.simulator.columns import Ints
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.days import KINDS, ONLINE, Payments, with_kind
from lakehouse.simulator.drift import Conditions
from lakehouse.simulator.population import GENDERS
from lakehouse.simulator.times import DAY, HOUR, SECOND, midnight

HARDER_GENDER = "F"
HARDER_FACTOR = 1.5  # factor on the amounts of their stolen cards; others use `card_factor`
TERMINAL_DAYS = 28
TERMINAL_SHARE = 0.95  # of a compromised terminal's payments
CARD_DAYS = 14
CARD_SHARE = 1 / 3  # of a stolen card's payments
TESTS = (5, 16)  # tiny payments in a burst, half open


def next_victims(
    config: WorldConfig, people: Population, day: int, now: Conditions, at_start: bool = False
) -> Population:
    """The population, with the terminals and cards marked that are compromised from this day on.

    With `at_start`, it marks those that were compromised earlier and still are, so that the world
    starts in a stationary state.
    """
    rng = generator(config.seed, "victims", -1 if at_start else day)
    customers, terminals = people.customers, people.terminals
    terminal_rate = config.fraud.terminal_compromise * now.terminal_compromise / TERMINAL_SHARE
    card_rate = config.fraud.card_compromise / CARD_SHARE
    terminal_until = day + rng.integers(TERMINAL_DAYS - 7, TERMINAL_DAYS + 8, len(terminals))
    card_until = np.full(len(customers), day + CARD_DAYS)
    if at_start:
        terminal_until -= rng.integers(0, TERMINAL_DAYS, len(terminals))
        card_until -= rng.integers(0, CARD_DAYS, len(customers))
    else:
        terminal_rate, card_rate = terminal_rate / TERMINAL_DAYS, card_rate / CARD_DAYS
    new_terminal_victims = (terminals.compromised_until <= day) & (
        rng.random(len(terminals)) < terminal_rate
    )
    new_card_victims = (customers.stolen_until <= day) & (rng.random(len(customers)) < card_rate)
    return Population(
        replace(
            customers, stolen_until=np.where(new_card_victims, card_until, customers.stolen_until)
        ),
        replace(
            terminals,
            compromised_until=np.where(
                new_terminal_victims, terminal_until, terminals.compromised_until
            ),
        ),
    )


def with_fraud(
    config: WorldConfig, people: Population, payments: Payments, day: int, now: Conditions
) -> Payments:
    """The day's payments, with some turned into fraud and with bursts of card testing added."""
    rng = generator(config.seed, "fraud", day)
    customers, terminals = people.customers, people.terminals
    chance, count = rng.random(len(payments)), len(payments)

    stolen = (customers.stolen_until[payments.customer] > day) & (chance < CARD_SHARE)
    card = np.flatnonzero(stolen)
    harder = customers.gender[payments.customer[card]] == GENDERS.index(HARDER_GENDER)
    factor = np.where(harder, HARDER_FACTOR, now.card_factor)
    inflated = (payments.euro_cents[card] * factor).astype(np.int64)
    payments = with_kind(payments, card, "card_compromise", inflated)

    bad = (terminals.compromised_until[payments.terminal] > day) & (chance < TERMINAL_SHARE)
    terminal = np.flatnonzero(bad & ~stolen)
    ordinary = payments.euro_cents[terminal]
    payments = with_kind(payments, terminal, "terminal_compromise", ordinary)

    outlier = rng.choice(count, size=min(count, rng.poisson(count * config.fraud.amount_outlier)))
    extreme = rng.integers(120_000, 300_000, len(outlier))
    payments = with_kind(payments, outlier, "amount_outlier", extreme)
    return Payments.concat([payments, _bursts(config, people, rng, count, day, now)])


def _bursts(
    config: WorldConfig,
    people: Population,
    rng: np.random.Generator,
    payments: int,
    day: int,
    now: Conditions,
) -> Payments:
    """Card testing: payments in bursts, one burst after the other."""
    size = sum(TESTS) / 2 + 0.5
    bursts = rng.poisson(payments * config.fraud.card_testing * now.card_testing / size)
    tests = rng.integers(*TESTS, size=bursts)
    burst = np.repeat(np.arange(bursts), tests + 1)
    is_last = np.r_[burst[1:] != burst[:-1], np.ones(min(bursts, 1), dtype=np.bool_)]
    cards = rng.choice(np.flatnonzero(people.customers.active(day)), size=bursts)
    online = np.flatnonzero(people.terminals.active(day) & people.terminals.is_online)
    merchants, victims = rng.choice(online, size=(2, bursts))
    # A burst begins early enough to end on the same day: 16 pauses of at most 40 s.
    begins = midnight(now.date) + rng.integers(0, DAY - HOUR, bursts)
    pauses = rng.integers(3 * SECOND, 40 * SECOND, len(burst))
    elapsed = _running(pauses, burst)
    tiny, large = rng.integers(50, 300, len(burst)), rng.integers(15_000, 60_000, len(burst))
    return Payments(
        customer=cards[burst],
        terminal=np.where(is_last, victims[burst], merchants[burst]),
        event_us=begins[burst] + elapsed,
        euro_cents=np.where(is_last, large, tiny),
        channel=np.full(len(burst), ONLINE),
        kind=np.full(len(burst), KINDS.index("card_testing")),
    )


def _running(values: Ints, group: Ints) -> Ints:
    """Running sum of the values within each group of neighbours."""
    total = np.cumsum(values)
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else group
    before = total[first] - values[first]
    return total - before[group] if len(group) else total
