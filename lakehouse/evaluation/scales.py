"""Scales on which errors of estimates are nearly normal: identity, logarithm, log odds."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lakehouse.evaluation.arrays import Floats

MAX_DEVIATION = 3.0
"""A resample with odds (or size) 20 times another's carries no more information than this."""

TINY = 1e-9
"""Replaces an end of the range, which the scale cannot represent."""


@dataclass(frozen=True)
class Scale:
    """A scale on which values move without leaving `low` and `high`; the ends are excluded."""

    kind: Literal["identity", "log", "logit"]
    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Whether the value lies on the scale and can move to both sides."""
        return self.low < value < self.high

    def deviations(self, values: Floats, origin: float) -> Floats:
        """Distances of `values` (n,) from `origin` on the scale, limited to `MAX_DEVIATION`."""
        if self.kind == "identity":
            return values - origin
        found: Floats = np.clip(
            self._transform(values) - self._transform(np.array(origin)),
            -MAX_DEVIATION,
            MAX_DEVIATION,
        )
        return found

    def distance(self, value: float, origin: float) -> float:
        """The distance of one value from `origin` on the scale."""
        if self.kind == "identity":
            return value - origin
        return float(self._transform(np.array(value)) - self._transform(np.array(origin)))

    def shift(self, value: float, distance: float) -> float:
        """`value` after a move on the scale; does not leave the range, and stays if at an end."""
        if self.kind == "identity":
            return min(max(value + distance, self.low), self.high)
        if not self.contains(value):
            return value
        if self.kind == "log":
            return value * math.exp(distance)
        odds = value / (1 - value) * math.exp(distance)
        return odds / (1 + odds)

    def _transform(self, values: Floats) -> Floats:
        known = np.clip(values, TINY, 1 - TINY if self.kind == "logit" else None)
        transformed: Floats = np.log(known) - (np.log1p(-known) if self.kind == "logit" else 0.0)
        return transformed


IDENTITY = Scale("identity", -math.inf, math.inf)
DIFFERENCE = Scale("identity", -1.0, 1.0)
"""Of two shares."""

LOG = Scale("log", 0.0, math.inf)
LOGIT = Scale("logit", 0.0, 1.0)
