"""Fairness: rates by group, and whether they differ significantly between groups.

Groups and decisions come as arrays; callers choose the columns and act on the verdict.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.arrays import Bools, Floats, Ints
from lakehouse.evaluation.comparisons import MINIMUM_POSITIVES
from lakehouse.evaluation.document import FairnessResult, FairnessVerdict, GroupRates, Interval
from lakehouse.evaluation.intervals import LEVEL, interval_of
from lakehouse.evaluation.resampling import Resampling, resample
from lakehouse.evaluation.scales import LOGIT

SELECTION, TPR, FPR = 0, 1, 2


def compare_groups(
    column: str,
    group: npt.NDArray[Any],
    truth: Bools,
    flagged: Bools,
    resampling: Resampling,
    *,
    limit: float,
    minimum_positives: int = MINIMUM_POSITIVES,
    level: float = LEVEL,
) -> FairnessResult:
    """Rates of each group of `column`, (rows,) each, and the largest differences between groups.

    Equalized-odds difference: the larger of the gaps in TPR and in FPR between the highest and the
    lowest group (Hardt, Price & Srebro, "Equality of Opportunity in Supervised Learning", NeurIPS
    2016; fairlearn's `equalized_odds_difference`). Demographic parity difference: the gap in the
    share flagged. Only groups with at least `minimum_positives` count; with fewer than two of them
    the verdict is "insufficient". "exceeds" means that even the lower end of the equalized-odds
    difference is above `limit`, "within" that even the upper end is not; otherwise the verdict is
    "not shown to exceed", which does not prove fairness.

    The largest of many gaps is large by chance alone, and larger still in resamples, so percentiles
    of it prove nothing. Instead each pair of groups gets an interval, all pairs (of both rates)
    simultaneously at `level`: difference +- c standard errors, with c the quantile of the largest
    studentized deviation over the pairs in the resamples (max-t: Romano & Wolf, "Exact and
    approximate stepdown methods for multiple hypothesis testing", JASA 100, 2005; Hothorn, Bretz &
    Westfall, "Simultaneous inference in general parametric models", Biometrical Journal 50, 2008).
    The largest lower end then exceeds the true largest gap with probability 1 - `level`, whatever
    the true rates are. This holds asymptotically: if the frauds of a group are on two dozen cards,
    the probability is twice that. So a `limit` of 0 is too strict for small groups; .05 is safe.
    """
    values, code = np.unique(group.astype(str), return_inverse=True)
    cell = code * 4 + truth * 2 + flagged
    observed = _rates(cell, len(values), np.ones(len(cell)))
    resampled = resample(lambda weights: _rates(cell, len(values), weights), resampling)
    rows = np.bincount(code, minlength=len(values))
    positives = np.bincount(code, weights=truth, minlength=len(values)).astype(int)
    counted = positives >= minimum_positives
    evidence = np.stack([rows, positives, rows - positives])  # (rates, groups)
    observed_counted, resampled_counted = observed[:, counted], resampled[:, :, counted]
    odds = _largest_gap(observed_counted[1:], resampled_counted[:, 1:], level)
    parity = _largest_gap(observed_counted[:1], resampled_counted[:, :1], level)
    groups = tuple(
        GroupRates(
            value=str(value),
            rows=int(rows[place]),
            positives=int(positives[place]),
            counted=bool(counted[place]),
            selection_rate=_interval(SELECTION, place, observed, resampled, evidence, level),
            tpr=_interval(TPR, place, observed, resampled, evidence, level),
            fpr=_interval(FPR, place, observed, resampled, evidence, level),
        )
        for place, value in enumerate(values)
    )
    return FairnessResult(
        column=column,
        groups=groups,
        equalized_odds_difference=odds,
        demographic_parity_difference=parity,
        limit=limit,
        verdict=_verdict(odds, limit),
    )


def _rates(cell: Ints, groups: int, weights: Floats) -> Floats:
    """Share flagged, TPR and FPR by group, (3, groups); NaN where a group has no such rows."""
    table = np.bincount(cell, weights=weights, minlength=4 * groups).reshape(groups, 2, 2)
    flagged, total = table[:, :, 1], table.sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.stack(
            [
                flagged.sum(axis=1) / total.sum(axis=1),
                flagged[:, 1] / total[:, 1],
                flagged[:, 0] / total[:, 0],
            ]
        )


def _largest_gap(observed: Floats, resampled: Floats, level: float) -> Interval | None:
    """The largest gap over rates (rates, groups), with simultaneous ends; None without a pair."""
    one, other = np.triu_indices(observed.shape[1], k=1)
    gap = (observed[:, one] - observed[:, other]).ravel()
    gaps = (resampled[:, :, one] - resampled[:, :, other]).reshape(len(resampled), -1)
    finite = np.isfinite(gap) & np.isfinite(gaps).all(axis=0)
    gap, gaps = gap[finite], gaps[:, finite]
    if not len(gap):
        return None
    error = gaps.std(axis=0, ddof=1)
    studentized = np.abs(gaps - gap) / np.where(error > 0, error, np.inf)
    half_width = np.quantile(studentized.max(axis=1), level) * error
    size = np.abs(gap)
    return Interval(
        value=float(size.max()),
        low=float(np.clip(size - half_width, 0, 1).max()),
        high=float(np.clip(size + half_width, 0, 1).max()),
        level=level,
    )


def _interval(
    rate: int, group: int, observed: Floats, resampled: Floats, evidence: Ints, level: float
) -> Interval | None:
    value, rows = float(observed[rate, group]), int(evidence[rate, group])
    return interval_of(value, resampled[:, rate, group], rows, LOGIT, level)


def _verdict(odds: Interval | None, limit: float) -> FairnessVerdict:
    if odds is None:
        return "insufficient"
    if odds.low > limit:
        return "exceeds"
    return "within" if odds.high <= limit else "not shown to exceed"
