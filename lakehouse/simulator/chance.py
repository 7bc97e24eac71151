"""Randomness: one independent generator per seed, concern and day; the only source of random
numbers."""

from zlib import crc32

import numpy as np

from lakehouse.simulator.columns import Ints


def generator(seed: int, concern: str, day: int = -1) -> np.random.Generator:
    """The generator of one concern ("fraud") on one day; day -1 is the creation of the world.

    A day's numbers do not depend on earlier draws, so days made together or one by one are equal.
    """
    return np.random.Generator(np.random.PCG64([seed, crc32(concern.encode()), day + 1]))


def sample(rng: np.random.Generator, among: Ints, expected: float) -> Ints:
    """A sample of `among` without repetition, `expected` items on average but at least one."""
    count = min(len(among), max(1, int(rng.poisson(expected))))
    return rng.choice(among, size=count, replace=False)
