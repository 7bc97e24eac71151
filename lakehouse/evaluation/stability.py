"""Agreement of two versions on the same rows: rank correlation, and shared alerts."""

import numpy as np

from lakehouse.evaluation.arrays import Floats, Ints
from lakehouse.evaluation.probes import rank_correlation


def rank_agreement(ours: Floats, theirs: Floats) -> float | None:
    """Spearman's correlation of two scores (rows,); None if one is constant."""
    if len(ours) < 2 or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None
    return rank_correlation(ours, theirs)


def alerts_kept(period: Ints, ours: Floats, theirs: Floats, alerts: int) -> float | None:
    """The share of our alerts (the `alerts` highest scores of each period) that are also theirs."""
    if not len(period):
        return None
    one, other = (_top_alerts(period, score, alerts) for score in (ours, theirs))
    return float((one & other).sum() / one.sum())


def _top_alerts(
    period: Ints, score: Floats, alerts: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    order = np.lexsort((-score, period))
    ordered = period[order]
    rank = np.arange(len(period)) - np.searchsorted(ordered, ordered, side="left")
    chosen = np.zeros(len(period), dtype=bool)
    chosen[order[rank < alerts]] = True
    return chosen
