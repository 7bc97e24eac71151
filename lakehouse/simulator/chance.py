"""Randomness: one independent generator per seed, concern and day. Nothing else draws numbers."""

from zlib import crc32

import numpy as np

from lakehouse.simulator.columns import Ints


def generator(seed: int, concern: str, day: int = -1) -> np.random.Generator:
    """The generator of one concern ("fraud") on one day; day -1 is the founding of the world.

    A day's numbers depend on nothing drawn before, so that days made at once or one by one agree.
    """
    return np.random.Generator(np.random.PCG64([seed, crc32(concern.encode()), day + 1]))


def some(rng: np.random.Generator, among: Ints, expected: float) -> Ints:
    """Some of `among`, without repetition, about `expected` many but at least one."""
    count = min(len(among), max(1, int(rng.poisson(expected))))
    return rng.choice(among, size=count, replace=False)
