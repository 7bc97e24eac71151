"""The map: a square of 100 by 100, divided into countries from west to east, with its terminals."""

from dataclasses import dataclass

import numpy as np

from lakehouse.simulator.columns import Bools, Floats, Ints

SIDE = 100.0
RADIUS = 5.0  # how far customers travel to pay, as in the handbook's simulator


@dataclass(frozen=True)
class Country:
    """A strip of the map that ends at `east`; `locale` is the Faker locale for names of people."""

    code: str
    currency: str
    locale: str
    calling_code: str
    east: float


COUNTRIES = (
    Country("DE", "EUR", "de_DE", "+49", 35),
    Country("FR", "EUR", "fr_FR", "+33", 58),
    Country("IT", "EUR", "it_IT", "+39", 72),
    Country("CH", "CHF", "de_CH", "+41", 81),
    Country("GB", "GBP", "en_GB", "+44", 91),
    Country("US", "USD", "en_US", "+1", SIDE),
)
CURRENCIES = ("EUR", "USD", "GBP", "CHF")
CURRENCY_OF_COUNTRY: Ints = np.array([CURRENCIES.index(c.currency) for c in COUNTRIES])
_EAST: Floats = np.array([country.east for country in COUNTRIES])


def country_at(x: Floats) -> Ints:
    """Index into COUNTRIES of each position."""
    return np.minimum(np.searchsorted(_EAST, x), len(COUNTRIES) - 1).astype(np.int64)


class Places:
    """The places to pay on a day: shops near a point, online merchants from everywhere.

    Shops are found by map cells that hold about six shops each.
    """

    def __init__(self, x: Floats, y: Floats, is_online: Bools, is_open: Bools) -> None:
        self.is_open = is_open
        self.online = np.flatnonzero(is_open & is_online)
        shops = np.flatnonzero(is_open & ~is_online)
        self._side = max(1, int(np.sqrt(len(shops) / 6)))
        cell = self._cell(x[shops], y[shops])
        self._shops = shops[np.argsort(cell, kind="stable")]
        self._count = np.bincount(cell, minlength=self._side**2)
        self._first = np.cumsum(self._count) - self._count

    def _cell(self, x: Floats, y: Floats) -> Ints:
        scale, last = self._side / SIDE, self._side - 1
        column = np.clip(x * scale, 0, last).astype(np.int64)
        return column * self._side + np.clip(y * scale, 0, last).astype(np.int64)

    def near(self, rng: np.random.Generator, x: Floats, y: Floats) -> Ints:
        """A random shop within about RADIUS of each point; a shop anywhere if there is none."""
        angle = rng.random(x.shape) * (2 * np.pi)
        distance = RADIUS * np.sqrt(rng.random(x.shape))
        cell = self._cell(x + distance * np.cos(angle), y + distance * np.sin(angle))
        pick = rng.random(x.shape)
        inside = self._first[cell] + (pick * self._count[cell]).astype(np.int64)
        anywhere = (pick * len(self._shops)).astype(np.int64)
        return self._shops[np.where(self._count[cell] > 0, inside, anywhere)]
