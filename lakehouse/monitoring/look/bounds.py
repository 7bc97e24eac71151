"""The difference above which a column has drifted: declared, or proposed from the model's history.

A proposal measures how far windows of the pinned training set lay from the reference during
training and evaluation: the model was validated under that much change. One textbook bound for all
features would raise a permanent alarm on day-of-month and miss a change of a flag. Pure functions.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from lakehouse.models.spec import Watch
from lakehouse.monitoring.look.chance import Chance
from lakehouse.monitoring.look.distance import Counts, Floats

ALPHA = 0.01
"""Probability of an alarm on any feature of a model in a window in which nothing changed."""

MIN_PSI, MIN_SCORE_PSI = 0.1, 0.1
MIN_MISSING, MIN_UNSEEN = 0.05, 0.01
"""A smaller difference is never worth a person's time, however significant it is. A PSI of .1 is
what the credit industry calls a small shift; it is a mean shifted by a third of a standard
deviation."""

DEFAULT_BOUND = 0.25
"""The PSI that the same industry calls a large shift: the bound until enough days are known,
also for a difference of shares."""

FIGURE_KINDS = 3
"""Kinds of figures that share the error probability: PSI, missing values, unseen values."""


@dataclass(frozen=True)
class Bounds:
    """The largest difference allowed for a column: PSI, and differences of shares."""

    psi: float
    missing: float
    unseen: float


def propose(distribution: Chance | None, columns: int, minimum: float, default: float) -> float:
    """The bound for one of `columns` figures, from its distribution while nothing changes.

    At `ALPHA`, shared among the columns and `FIGURE_KINDS` (Bonferroni). Never below `minimum`;
    `default` without a distribution.
    """
    return (
        default
        if distribution is None
        else max(minimum, distribution.upper_quantile(ALPHA / (FIGURE_KINDS * columns)))
    )


def propose_share(distribution: Chance | None, columns: int, minimum: float) -> float:
    """The same for a difference of shares, whose distribution is that of its square."""
    return math.sqrt(propose(distribution, columns, minimum**2, DEFAULT_BOUND**2))


def widen(bound: float, columns: int) -> float:
    """`bound`, declared for one column, widened for a model with `columns` of them."""
    normal = NormalDist()
    return bound * normal.inv_cdf(1 - ALPHA / columns) / normal.inv_cdf(1 - ALPHA)


def noise(reference: Counts, rows: Floats, columns: int) -> Floats:
    """The PSI that chance alone reaches with `rows` (...,) rows, at `ALPHA` among the columns.

    (1/n + 1/N) times a quantile of chi-square (Yurdakul 2018), by Wilson and Hilferty's
    approximation. Large only where a window has few rows.
    """
    freedom = max(int((reference > 0).sum()) - 1, 1)
    spread = 2 / (9 * freedom)
    z = NormalDist().inv_cdf(1 - ALPHA / columns)
    quantile = freedom * (1 - spread + z * spread**0.5) ** 3
    chance: Floats = quantile * (1 / np.maximum(rows, 1) + 1 / max(int(reference.sum()), 1))
    return chance


def feature_bounds(
    watch: Watch, columns: int, psi: Chance | None, missing: Chance | None, unseen: Chance | None
) -> Bounds:
    """The bounds of one feature: declared in `watch` and widened, or proposed from its history."""
    return Bounds(
        psi=widen(watch.psi, columns) if watch.psi else _propose_psi(psi, columns, MIN_PSI),
        missing=widen(watch.missing, columns)
        if watch.missing
        else propose_share(missing, columns, MIN_MISSING),
        unseen=propose_share(unseen, columns, MIN_UNSEEN),
    )


def output_bounds(watch: Watch, columns: int, psi: Chance | None) -> Bounds:
    """The bounds of one model output, which is never missing in normal operation."""
    declared = widen(watch.score_psi, columns) if watch.score_psi else None
    score_psi = declared or _propose_psi(psi, columns, MIN_SCORE_PSI)
    return Bounds(score_psi, MIN_MISSING, MIN_UNSEEN)


def _propose_psi(distribution: Chance | None, columns: int, minimum: float) -> float:
    return propose(distribution, columns, minimum, DEFAULT_BOUND)
