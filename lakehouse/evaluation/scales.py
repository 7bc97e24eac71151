"""Scales on which errors of estimates are nearly normal: as they are, logarithms, log odds."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lakehouse.evaluation.metrics import Floats

FARTHEST = 3.0
"""A resample whose odds (or size) are 20 times another's says no more than this."""


@dataclass(frozen=True)
class Scale:
    """Values move on it without ever leaving `low` and `high`; the ends themselves lie outside."""

    kind: Literal["identity", "log", "logit"]
    low: float
    high: float

    def inside(self, value: float) -> bool:
        """Whether the value lies on the scale and can move to both sides."""
        return self.low < value < self.high

    def deviations(self, values: Floats, origin: float) -> Floats:
        """How far `values` (n,) lie from `origin`, on the scale."""
        if self.kind == "identity":
            return values - origin
        with np.errstate(divide="ignore"):
            found = np.log(values)
            if self.kind == "logit":
                found = found - np.log1p(-values)
        return np.clip(found - self._place(origin), -FARTHEST, FARTHEST)

    def moved(self, value: float, distance: float) -> float:
        """`value` after a move on the scale; not beyond its ends."""
        if self.kind == "identity":
            return min(max(value + distance, self.low), self.high)
        if self.kind == "log":
            return value * math.exp(distance)
        odds = value / (1 - value) * math.exp(distance)
        return odds / (1 + odds)

    def _place(self, value: float) -> float:
        return math.log(value) - (math.log1p(-value) if self.kind == "logit" else 0.0)


IDENTITY = Scale("identity", -math.inf, math.inf)
DIFFERENCE = Scale("identity", -1.0, 1.0)
"""Of two shares."""

LOG = Scale("log", 0.0, math.inf)
LOGIT = Scale("logit", 0.0, 1.0)
